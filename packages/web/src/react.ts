"use client";

import { context, trace } from "@opentelemetry/api";
import { Component, type ErrorInfo, type ReactNode, useEffect } from "react";
import { door, ERROR_DOOR } from "./error/error-door.ts";
import { createErrorRecorder, type ErrorDetails } from "./error/error-recorder.ts";
import { isControlFlow } from "./error/error-text.ts";
import { TRACER_NAME } from "./with-span.ts";

export type { ErrorDetails } from "./error/error-recorder.ts";

/** Records an error that was caught, once, with the digest that joins it to the server's span. */
export function traceError(error: unknown, details: ErrorDetails = {}): void {
  const record = door[ERROR_DOOR];
  if (record) {
    record("caught error", error, details);
    return;
  }
  alone.record("caught error", error, context.active(), details);
}

/** Where the page has no instrument of errors: it too records each error once, with whatever traces then. */
const alone = createErrorRecorder(
  { startSpan: (...span) => trace.getTracer(TRACER_NAME).startSpan(...span) },
  () => undefined,
);

/** Records the error that a component was given, as `error.tsx` of Next.js is. */
export function useTraceError(error: unknown): void {
  useEffect(() => {
    if (error !== undefined && error !== null) traceError(error);
  }, [error]);
}

export interface TraceErrorBoundaryProps {
  readonly children?: ReactNode;
  /** What is shown in place of the children that failed; `reset` tries them again. */
  readonly fallback?: ReactNode | ((error: unknown, reset: () => void) => ReactNode);
}

interface BoundaryState {
  readonly failure: { readonly error: unknown } | undefined;
}

/** Records what its children throw while they render, and shows `fallback` in their place. */
export class TraceErrorBoundary extends Component<TraceErrorBoundaryProps, BoundaryState> {
  override state: BoundaryState = { failure: undefined };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    // Not ours to catch: the router above waits for it.
    if (isControlFlow(error)) throw error;
    return { failure: { error } };
  }

  override componentDidCatch(error: unknown, { componentStack }: ErrorInfo): void {
    traceError(error, { componentStack });
  }

  override render(): ReactNode {
    const { failure } = this.state;
    const { children, fallback } = this.props;
    if (!failure) return children;
    if (typeof fallback !== "function") return fallback;
    return fallback(failure.error, () => this.setState({ failure: undefined }));
  }
}

import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { scrub } from "@throughline/core";
import {
  COMPONENT_STACK,
  ERROR_DIGEST,
  ERROR_TYPE,
  ERRORS_DROPPED,
  EXCEPTION_EVENT,
  EXCEPTION_MESSAGE,
  EXCEPTION_STACKTRACE,
  EXCEPTION_TYPE,
  PARENT,
} from "@throughline/core/attributes";
import { messageOf, textOf, typeOf } from "./error-text.ts";

const MAX_MESSAGE = 1024;
const MAX_STACK = 8192;
const MAX_ERRORS = 10;
const WINDOW_MS = 60_000;

export interface ErrorDetails {
  /** The components around the one that failed, as React tells them. */
  readonly componentStack?: string | null | undefined;
}

export interface ErrorRecorder {
  /**
   * Writes an error as a short span below `context`: the span that is active there may have ended long ago, and
   * a click that starts no work is not told at all.
   */
  record(name: string, error: unknown, context: Context, details?: ErrorDetails): void;
  /** An error that somebody else tells, or told. */
  ignore(error: object): void;
  /** Tells how many errors were left out, if any. */
  settle(): void;
}

/** Records each error object once, and not more than ten a minute. */
export function createErrorRecorder(
  tracer: Pick<Tracer, "startSpan">,
  inferParent: (error: unknown) => Context | undefined,
): ErrorRecorder {
  const seen = new WeakSet<object>();
  let windowStart = -WINDOW_MS;
  let recorded = 0;
  let dropped = 0;

  function mayRecord(): boolean {
    const now = performance.now();
    if (now - windowStart >= WINDOW_MS) {
      windowStart = now;
      recorded = 0;
    }
    recorded++;
    if (recorded > MAX_ERRORS) dropped++;
    return recorded <= MAX_ERRORS;
  }

  function takeDropped(): Attributes {
    const attributes = { [ERRORS_DROPPED]: dropped || undefined };
    dropped = 0;
    return attributes;
  }

  return {
    record(name, error, context, details = {}) {
      if (typeof error === "object" && error !== null) {
        if (seen.has(error)) return;
        seen.add(error);
      }
      if (!mayRecord()) return;
      const inferred = trace.getSpan(context) ? undefined : inferParent(error);
      const exception = exceptionOf(error);
      const attributes = {
        [ERROR_TYPE]: exception[EXCEPTION_TYPE],
        ...(inferred && { [PARENT]: "inferred" }),
        ...(hasDigest(error) && { [ERROR_DIGEST]: textOf(error.digest) }),
        ...(details.componentStack && { [COMPONENT_STACK]: cut(scrub(details.componentStack), MAX_STACK) }),
        ...takeDropped(),
      };
      const span = tracer.startSpan(name, { attributes }, inferred ?? context);
      span.addEvent(EXCEPTION_EVENT, exception);
      span.setStatus({ code: SpanStatusCode.ERROR, message: exception[EXCEPTION_MESSAGE] });
      span.end();
    },
    ignore: (error) => {
      seen.add(error);
    },
    settle() {
      if (dropped > 0) tracer.startSpan("uncaught error", { attributes: takeDropped() }, ROOT_CONTEXT).end();
    },
  };
}

function exceptionOf(error: unknown) {
  const stack = error instanceof Error && error.stack;
  return {
    [EXCEPTION_TYPE]: typeOf(error),
    [EXCEPTION_MESSAGE]: cut(scrub(messageOf(error)), MAX_MESSAGE),
    // Some make a list of it.
    ...(stack && { [EXCEPTION_STACKTRACE]: cut(scrub(textOf(stack)), MAX_STACK) }),
  };
}

/** Next.js's mark on what failed on the server. */
export function hasDigest(error: unknown): error is { readonly digest: unknown } {
  return typeof error === "object" && error !== null && "digest" in error;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

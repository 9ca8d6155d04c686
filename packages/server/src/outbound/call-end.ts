import { type Span, SpanStatusCode } from "@opentelemetry/api";
import * as names from "@throughline/core/attributes";

/** Of Node, undici and axios. */
const ABORTED_CODES = ["ABORT_ERR", "UND_ERR_ABORTED", "ERR_CANCELED"];

/** `error.type` of what took too long. */
export const TIMEOUT = "timeout";

/** Ends a CLIENT span whose response has come whole; from 400 on the caller has failed, as the conventions have it. */
export function endAnswered(span: Span, status: number | undefined): void {
  if (status !== undefined && status >= 400) {
    span.setAttribute(names.ERROR_TYPE, String(status));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** Ends a CLIENT span that its caller gave up: nothing has failed. */
export function endAborted(span: Span): void {
  span.setAttribute(names.ABORTED, true);
  span.end();
}

/** Ends a CLIENT span with what came instead of a response, or of the rest of one. */
export function endFailed(span: Span, error: unknown): void {
  const type = failureOf(error);
  if (type === undefined) endAborted(span);
  else {
    span.setAttribute(names.ERROR_TYPE, type);
    if (error instanceof Error) span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error, type) });
    span.end();
  }
}

/** Ends a CLIENT span by the reason of its caller's signal. */
export function endGivenUp(span: Span, reason: unknown): void {
  if (nameOf(reason) === "TimeoutError") endTimedOut(span);
  else endAborted(span);
}

/** Ends a CLIENT span that was given up because it took too long. */
export function endTimedOut(span: Span): void {
  span.setAttribute(names.ERROR_TYPE, TIMEOUT);
  span.setStatus({ code: SpanStatusCode.ERROR, message: TIMEOUT });
  span.end();
}

/**
 * The `error.type` of a failure; `undefined` where the caller aborted. What Node and undici throw has a code; an
 * error without one is a reason that the caller gave to `abort`, or threw from the body it was sending.
 */
export function failureOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if (nameOf(error) === "TimeoutError" || nameOf(causeOf(error)) === "TimeoutError") return TIMEOUT;
  if (nameOf(error) === "AbortError") return undefined;
  const code = "code" in error ? error.code : undefined;
  return typeof code === "string" && !ABORTED_CODES.includes(code) ? code : undefined;
}

function messageOf(error: unknown, type: string): string {
  const text = error instanceof Error ? error.message : "";
  return type === TIMEOUT || text === "" ? type : text;
}

function causeOf(error: object): unknown {
  return "cause" in error ? error.cause : undefined;
}

function nameOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "name" in error ? error.name : undefined;
}

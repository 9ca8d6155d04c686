import { type Span, type SpanOptions, SpanStatusCode, trace } from "@opentelemetry/api";
import { ERROR_TYPE } from "@throughline/core/attributes";

export const TRACER_NAME = "@throughline/web";

/**
 * Runs `run` inside a new span, which ends when it returns or its promise settles; a failure is recorded and
 * thrown on unchanged.
 */
export function withSpan<T>(name: string, run: (span: Span) => T): T;
export function withSpan<T>(name: string, options: SpanOptions, run: (span: Span) => T): T;
export function withSpan<T>(
  name: string,
  ...rest: [(span: Span) => T] | [SpanOptions, (span: Span) => T]
): T {
  const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
  return trace.getTracer(TRACER_NAME).startActiveSpan(name, options, (span) => {
    try {
      const result = run(span);
      if (!isPromise(result)) {
        span.end();
        return result;
      }
      // The derived promise settles as the first one does, and is of its type.
      return result.then(
        (value) => {
          span.end();
          return value;
        },
        (error: unknown) => endWithError(span, error),
      ) as T;
    } catch (error) {
      return endWithError(span, error);
    }
  });
}

function endWithError(span: Span, error: unknown): never {
  const exception = error instanceof Error ? error : String(error);
  span.recordException(exception);
  span.setAttribute(ERROR_TYPE, error instanceof Error ? error.name : typeof error);
  span.setStatus({
    code: SpanStatusCode.ERROR,
    message: String(error instanceof Error ? error.message : error),
  });
  span.end();
  throw error;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

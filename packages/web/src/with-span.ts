import { context, type Span, type SpanOptions, SpanStatusCode, trace } from "@opentelemetry/api";
import { ERROR_TYPE } from "@throughline/core/attributes";
import { isControlFlow, messageOf, typeOf } from "./error/error-text.ts";

export const TRACER_NAME = "@throughline/web";

/** A span that code can come back to. */
export interface WebSpan extends Span {
  /** Runs something inside this span: for code after a native `await`, where no context is left. */
  run<T>(run: () => T): T;
}

/** The function, always run in the context that is active now. */
export function bind<F extends (...args: never[]) => unknown>(run: F): F {
  return context.bind(context.active(), run);
}

/**
 * Runs `run` inside a new span, which ends when it returns or its promise settles; a failure is recorded and
 * thrown on unchanged.
 */
export function withSpan<T>(name: string, run: (span: WebSpan) => T): T;
export function withSpan<T>(name: string, options: SpanOptions, run: (span: WebSpan) => T): T;
export function withSpan<T>(
  name: string,
  ...rest: [(span: WebSpan) => T] | [SpanOptions, (span: WebSpan) => T]
): T {
  const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
  return trace.getTracer(TRACER_NAME).startActiveSpan(name, options, (started) => {
    const own = context.active();
    const span: WebSpan = Object.assign(started, {
      run: <R>(inside: () => R): R => context.with(own, inside),
    });
    try {
      const result = run(span);
      if (!isPromise(result)) {
        span.end();
        return result;
      }
      if (hasMethods(result)) {
        result.then(
          () => span.end(),
          (error: unknown) => endFailed(span, error),
        );
        return result;
      }
      // Asked once: what a query builder gives would run again with each `then`.
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
  endFailed(span, error);
  throw error;
}

function endFailed(span: Span, error: unknown): void {
  if (!isControlFlow(error)) {
    const message = messageOf(error);
    span.recordException(error instanceof Error ? error : message);
    span.setAttribute(ERROR_TYPE, typeOf(error));
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  span.end();
}

/** A promise with methods of its own, as Redux Toolkit gives one (`unwrap`, `abort`); another would not have them. */
function hasMethods(promise: Promise<unknown>): boolean {
  return promise instanceof Promise && Object.values(promise).some((value) => typeof value === "function");
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof Object(value).then === "function";
}

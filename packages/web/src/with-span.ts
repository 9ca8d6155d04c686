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
      // Asked once: what a query builder gives would run again with each `then`.
      const settled = result.then(
        (value) => {
          span.end();
          return value;
        },
        (error: unknown) => endWithError(span, error),
      );
      return withMembersOf(result, settled) as T;
    } catch (error) {
      return endWithError(span, error);
    }
  });
}

function endWithError(span: Span, error: unknown): never {
  if (!isControlFlow(error)) {
    const message = messageOf(error);
    span.recordException(error instanceof Error ? error : message);
    span.setAttribute(ERROR_TYPE, typeOf(error));
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  span.end();
  throw error;
}

/** What a promise has of its own, as Redux Toolkit's have `unwrap` and `abort`, the one in its place has too. */
function withMembersOf(promise: Promise<unknown>, settled: Promise<unknown>): Promise<unknown> {
  if (promise instanceof Promise)
    for (const key of Object.keys(promise))
      if (!(key in settled)) Reflect.set(settled, key, Reflect.get(promise, key));
  return settled;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof Object(value).then === "function";
}

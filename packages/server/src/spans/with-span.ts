import { type Attributes, type Span, type SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

export interface WithSpanOptions {
  readonly attributes?: Attributes;
  readonly kind?: SpanKind;
}

// How Next.js throws what is not a failure: redirect(), notFound(), forbidden(), and a render that turns dynamic.
const CONTROL_FLOW = [
  "NEXT_REDIRECT",
  "NEXT_HTTP_ERROR_FALLBACK",
  "NEXT_NOT_FOUND",
  "DYNAMIC_SERVER_USAGE",
  "BAILOUT_TO_CLIENT_SIDE_RENDERING",
];

/** Runs `fn` inside a span that ends when it returns or settles; an error is recorded and rethrown unchanged. */
export function withSpan<T>(name: string, fn: (span: Span) => T): T;
export function withSpan<T>(name: string, options: WithSpanOptions, fn: (span: Span) => T): T;
export function withSpan<T>(
  name: string,
  optionsOrFn: WithSpanOptions | ((span: Span) => T),
  maybeFn?: (span: Span) => T,
): T {
  const fn = typeof optionsOrFn === "function" ? optionsOrFn : maybeFn;
  if (typeof fn !== "function") {
    throw new TypeError(
      `@throughline/server: withSpan(${JSON.stringify(name)}) got no function to run; call withSpan(name, fn) or withSpan(name, options, fn)`,
    );
  }
  const options = typeof optionsOrFn === "function" ? {} : optionsOrFn;
  return trace
    .getTracer("@throughline/server")
    .startActiveSpan(name, options, (span) => runInside(span, () => fn(span)));
}

/** Whether Next.js threw this to steer, not because something failed. */
export function isControlFlow(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("digest" in error)) return false;
  const { digest } = error;
  return typeof digest === "string" && CONTROL_FLOW.some((word) => digest.startsWith(word));
}

function runInside<T>(span: Span, run: () => T): T {
  let result: T;
  try {
    result = run();
  } catch (error) {
    fail(span, error);
    throw error;
  }
  if (!isThenable(result)) {
    span.end();
    return result;
  }
  return result.then(
    (value) => {
      span.end();
      return value;
    },
    (error: unknown) => {
      fail(span, error);
      throw error;
    },
    // A thenable's `then` gives back the same kind of thenable, which the compiler cannot know of T.
  ) as T;
}

function fail(span: Span, error: unknown): void {
  if (!isControlFlow(error)) {
    const exception = error instanceof Error ? error : String(error);
    span.recordException(exception);
    span.setStatus({
      code: SpanStatusCode.ERROR,
      message: error instanceof Error ? error.message : String(error),
    });
  }
  span.end();
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

import type { Span, SpanOptions, Tracer, TracerProvider } from "@opentelemetry/api";

/** As Next.js calls `startActiveSpan`. */
export type Traced = (span: Span) => unknown;
export type RunTraced = (name: string, options: SpanOptions, fn: Traced) => unknown;

/**
 * A tracer whose `startActiveSpan` is `run` where it is called as Next.js does, and that of `tracer` otherwise.
 * Written out: lists of arguments, made and taken apart at every span, cost a request several microseconds.
 */
export function withStartActive(tracer: Tracer, run: RunTraced): Tracer["startActiveSpan"] {
  const start = tracer.startActiveSpan as (...args: readonly unknown[]) => unknown;
  return ((name: string, second: unknown, third: unknown, fourth: unknown) => {
    if (fourth !== undefined) return start.call(tracer, name, second, third, fourth);
    if (typeof third !== "function") return start.call(tracer, name, second);
    return run(name, (second ?? {}) as SpanOptions, third as Traced);
  }) as Tracer["startActiveSpan"];
}

/** Has Next.js's own tracers of this provider stand behind `wrap`. The others are not slowed down. */
export function wrapNextTracer(provider: TracerProvider, wrap: (tracer: Tracer) => Tracer): void {
  const original = provider.getTracer;
  // Next.js asks at every span, and always for the same one.
  let last: { readonly version: string | undefined; readonly wrapped: Tracer } | undefined;
  provider.getTracer = (name, version, options) => {
    // The one name under which it asks.
    if (name !== "next.js") return original.call(provider, name, version, options);
    if (!last || last.version !== version)
      last = { version, wrapped: wrap(original.call(provider, name, version, options)) };
    return last.wrapped;
  };
}

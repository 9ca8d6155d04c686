import type { Tracer, TracerProvider } from "@opentelemetry/api";

/** Has Next.js's own tracers of this provider stand behind `wrap`. The others are not slowed down. */
export function wrapNextTracer(provider: TracerProvider, wrap: (tracer: Tracer) => Tracer): void {
  const original = provider.getTracer;
  // Next.js asks at every span, and always for the same one.
  let last: { readonly tracer: Tracer; readonly wrapped: Tracer } | undefined;
  provider.getTracer = (...args) => {
    const tracer = Reflect.apply(original, provider, args);
    // The one name under which it asks.
    if (args[0] !== "next.js") return tracer;
    if (last?.tracer !== tracer) last = { tracer, wrapped: wrap(tracer) };
    return last.wrapped;
  };
}

import type { Tracer, TracerProvider } from "@opentelemetry/api";
import { warnOnce } from "../log.ts";

/** What makes the spans that this package makes itself, of requests that come in and of those that go out. */
export const DOUBLES: ReadonlySet<string> = new Set([
  "@opentelemetry/instrumentation-http",
  "@opentelemetry/instrumentation-undici",
]);

/**
 * Says it at the first span of an instrumentation that the app has started itself, past the list that doubles are taken
 * out of. Its spans are made all the same: it has written its own id into the headers, and what listens to it has its own
 * context.
 */
export function tellDoubles(provider: TracerProvider): void {
  const original = provider.getTracer;
  provider.getTracer = (name, version, options) => {
    const tracer = original.call(provider, name, version, options);
    return DOUBLES.has(name) ? telling(name, tracer) : tracer;
  };
}

/** At a span, and not when it asks for its tracer: one that was stopped has asked too. */
function telling(name: string, tracer: Tracer): Tracer {
  return {
    startSpan(...args) {
      warnOnce(
        `${name} runs beside this package, which traces requests itself, and a request may be two spans. Do not start it, or give it to register({ instrumentations }) or startTracing({ instrumentations }), which leave it out; docs/server/libraries.md`,
      );
      return tracer.startSpan(...args);
    },
    startActiveSpan: tracer.startActiveSpan,
  };
}

import { type Tracer, type TracerProvider, trace } from "@opentelemetry/api";

/**
 * A provider whose tracers ask for the real one at each span. A new span takes a random id and the time, and with Cache
 * Components either ends a prerender; Next.js exempts the tracers that are fetched after `register`, and what
 * instruments fetch theirs inside it: https://github.com/vercel/next.js/issues/94753
 */
export function lateTracers(): TracerProvider {
  return {
    getTracer(...args) {
      const current = (): Tracer => trace.getTracerProvider().getTracer(...args);
      return {
        startSpan: (...given) => current().startSpan(...given),
        startActiveSpan: (...given: readonly unknown[]) => {
          const tracer = current();
          return Reflect.apply(tracer.startActiveSpan, tracer, given);
        },
      };
    },
  };
}

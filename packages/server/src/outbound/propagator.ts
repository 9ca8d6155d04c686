import type { Context, TextMapPropagator } from "@opentelemetry/api";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { isSilenced, silence } from "../requests/silence.ts";
import { isTaken } from "../requests/taken.ts";

export interface PropagatorOptions {
  /** As in OTEL_PROPAGATORS. */
  readonly propagators: readonly string[];
  /** Whether baggage is read from requests: a stranger's would travel to every service behind this one. */
  readonly trustsCaller: boolean;
  /** Whether the request that is being taken in is noise. */
  readonly servesNoise: () => boolean;
}

/** What the app's own `propagation.inject` writes, and what is read from requests. */
export function createPropagator(options: PropagatorOptions): TextMapPropagator {
  const traceContext = options.propagators.includes("tracecontext") ? [new W3CTraceContextPropagator()] : [];
  const baggage = options.propagators.includes("baggage") ? [new W3CBaggagePropagator()] : [];
  const all = new CompositePropagator({ propagators: [...traceContext, ...baggage] });
  const read = options.trustsCaller ? all : new CompositePropagator({ propagators: traceContext });
  return {
    inject(context, carrier, setter): void {
      if (!isSilenced(context)) all.inject(context, carrier, setter);
    },
    // The one place where a context of ours is around the whole request, before Next.js opens its first span.
    extract(context, carrier, getter): Context {
      if (options.servesNoise()) return silence(context);
      if (isTaken(context, getter.get(carrier, "traceparent"))) return context;
      return read.extract(context, carrier, getter);
    },
    fields: () => all.fields(),
  };
}

import {
  isSpanContextValid,
  type SpanContext,
  type TextMapPropagator,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { parseTraceparent, printTraceparent } from "@throughline/core";
import { TRACEPARENT } from "./request/traceparent.ts";

const TRACESTATE = "tracestate";

/**
 * W3C trace context for `propagation.inject` and `extract`. An incoming `tracestate` is left out, which the
 * specification allows: https://www.w3.org/TR/trace-context/#tracestate-header
 */
export function createPropagator(mayInject: () => boolean): TextMapPropagator {
  return {
    fields: () => [TRACEPARENT, TRACESTATE],
    inject(context, carrier, setter) {
      const span = trace.getSpanContext(context);
      if (!span || !isSpanContextValid(span) || !mayInject()) return;
      setter.set(carrier, TRACEPARENT, traceparentOf(span));
      const state = span.traceState?.serialize();
      if (state) setter.set(carrier, TRACESTATE, state);
    },
    extract(context, carrier, getter) {
      // What is missing is no header either, as a text.
      const parent = parseTraceparent(String(getter.get(carrier, TRACEPARENT)));
      if (!parent) return context;
      const { traceId, spanId, sampled } = parent;
      return trace.setSpanContext(context, { traceId, spanId, traceFlags: Number(sampled), isRemote: true });
    },
  };
}

/** The header of a request that this span is the parent of. */
export function traceparentOf(span: SpanContext): string {
  return printTraceparent({ ...span, sampled: (span.traceFlags & TraceFlags.SAMPLED) > 0 });
}

import type { IncomingHttpHeaders } from "node:http";
import {
  type Context,
  createTraceState,
  defaultTextMapGetter,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapGetter,
  type TextMapPropagator,
  TraceFlags,
  type TraceState,
  trace,
} from "@opentelemetry/api";
import { W3CBaggagePropagator } from "@opentelemetry/core";
import { parseTraceparent, parseTraceState, printTraceparent } from "@throughline/core";
import { isSilenced, silence } from "../requests/silence.ts";
import { isTaken } from "../requests/taken.ts";
import { type CallerTrust, callerInstead } from "./caller-trust.ts";

export interface PropagatorOptions {
  /** As in OTEL_PROPAGATORS. */
  readonly propagators: readonly string[];
  /** `undefined`: every caller is a friend. */
  readonly trust: CallerTrust | undefined;
  /** Keys of baggage that are taken from callers; `undefined`: all. */
  readonly acceptBaggage: readonly string[] | undefined;
  /** Whether the request that is being taken in is noise. */
  readonly servesNoise: () => boolean;
}

export const TRACEPARENT = "traceparent";
export const TRACESTATE = "tracestate";
export const BAGGAGE = "baggage";

export interface Propagator extends TextMapPropagator {
  /** What `extract` would say of the headers of a request of which it is not known yet whether it is kept. */
  lookAt(headers: IncomingHttpHeaders): Context;
}

/** W3C trace context and baggage, as strict as the specification and as trusting as the options say. */
export function createPropagator(options: PropagatorOptions): Propagator {
  const readsTrace = options.propagators.includes("tracecontext");
  const baggage = options.propagators.includes(BAGGAGE) ? new W3CBaggagePropagator() : undefined;

  function withBaggage(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const { acceptBaggage } = options;
    if (!baggage || acceptBaggage?.length === 0) return context;
    const read = baggage.extract(context, carrier, getter);
    if (acceptBaggage === undefined) return read;
    const entries = propagation.getBaggage(read)?.getAllEntries() ?? [];
    const accepted = entries.filter(([key]) => acceptBaggage.includes(key));
    if (accepted.length === 0) return context;
    return propagation.setBaggage(context, propagation.createBaggage(Object.fromEntries(accepted)));
  }

  function read(context: Context, carrier: unknown, getter: TextMapGetter, isLookedAt: boolean): Context {
    const caller = readsTrace ? callerOf(carrier, getter) : undefined;
    const header = (name: string) => first(getter.get(carrier, name));
    if (options.trust?.isForeign(header, caller?.traceId, isLookedAt))
      return caller ? callerInstead(context, caller) : context;
    const continued = caller ? trace.setSpanContext(context, caller) : context;
    return withBaggage(continued, carrier, getter);
  }

  return {
    inject(context, carrier, setter): void {
      if (isSilenced(context)) return;
      const span = trace.getSpanContext(context);
      if (readsTrace && span && isSpanContextValid(span)) {
        setter.set(carrier, TRACEPARENT, traceparentOf(span));
        const state = span.traceState?.serialize();
        if (state) setter.set(carrier, TRACESTATE, state);
      }
      baggage?.inject(context, carrier, setter);
    },
    // The one place where a context of ours is around the whole request, before Next.js opens its first span.
    extract(context, carrier, getter): Context {
      if (options.servesNoise()) return silence(context);
      if (isTaken(context, getter.get(carrier, TRACEPARENT))) return context;
      return read(context, carrier, getter, false);
    },
    lookAt: (headers) => read(ROOT_CONTEXT, headers, defaultTextMapGetter, true),
    fields: () => [...(readsTrace ? [TRACEPARENT, TRACESTATE] : []), ...(baggage ? [BAGGAGE] : [])],
  };
}

export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return printTraceparent({ traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 });
}

function callerOf(carrier: unknown, getter: TextMapGetter): SpanContext | undefined {
  const header = getter.get(carrier, TRACEPARENT);
  // More than one says nothing.
  const text = Array.isArray(header) && header.length > 1 ? undefined : first(header);
  const parsed = text === undefined ? undefined : parseTraceparent(text);
  if (!parsed) return undefined;
  const { traceId, spanId, sampled } = parsed;
  const state = parseTraceState(String(getter.get(carrier, TRACESTATE) ?? ""));
  return {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(state !== "" && { traceState: lazyTraceState(state) }),
  };
}

/** Handed on as it came; taken apart only where somebody asks for a member. */
function lazyTraceState(text: string): TraceState {
  return {
    get: (key) => createTraceState(text).get(key),
    set: (key, value) => createTraceState(text).set(key, value),
    unset: (key) => createTraceState(text).unset(key),
    serialize: () => text,
  };
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

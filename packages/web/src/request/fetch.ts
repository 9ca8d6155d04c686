import { isSpanContextValid } from "@opentelemetry/api";
import type { InteractionLife } from "../interaction/interaction-life.ts";
import type { Later } from "../later.ts";
import { patchMethod, type Stop } from "../patch-method.ts";
import { traceparentOf } from "../propagator.ts";
import { attempt } from "../start-all.ts";
import type { Outbox } from "../transport/transport.ts";
import { type FetchCall, isPrefetch, understandCall, withHeader } from "./fetch-call.ts";
import { createFlights, type Flight, type Flights } from "./flight.ts";
import { propagationOf } from "./propagation.ts";
import { type RequestTracing, sendTold, startSpan } from "./request-span.ts";
import { TRACEPARENT, unsampledTraceparent } from "./traceparent.ts";

export interface FetchTracing extends RequestTracing {
  readonly later: Later;
  readonly life: Pick<InteractionLife, "release">;
  readonly outbox: Outbox;
}

export interface TracedFetch extends Pick<Flights, "settle" | "cut"> {
  readonly stop: Stop;
}

type Fetch = (...args: unknown[]) => unknown;

/** One CLIENT span for each `fetch`, with `traceparent` where the URL rules allow it. */
export function traceFetch(tracing: FetchTracing): TracedFetch {
  const flights = createFlights(tracing.later, tracing.life.release);

  function run(call: FetchCall, fetch: Fetch): unknown {
    const propagation = propagationOf(call, tracing);
    const send = (traceparent: string): unknown =>
      fetch(...(propagation === "sent" ? withHeader(call, TRACEPARENT, traceparent) : call.args));
    // What the router fetches ahead of any click would be a trace for every visible link.
    if (isPrefetch(call)) {
      tracing.claim(call);
      return send(unsampledTraceparent());
    }

    const span = startSpan(call, propagation, tracing);
    const spanContext = span.spanContext();
    if (!isSpanContextValid(spanContext)) return fetch(...call.args);
    if (!span.isRecording()) return send(traceparentOf(spanContext));

    const flight: Flight = { span, signal: call.signal };
    flights.start(flight);
    const failed = (error: unknown): never => {
      flights.fail(flight, error);
      throw error;
    };
    try {
      const answer = sendTold(span, call.url, tracing.outbox, () => send(traceparentOf(spanContext)));
      return Promise.resolve(answer).then((response) => {
        attempt(() => flights.receive(flight, response));
        return response;
      }, failed);
    } catch (error) {
      return failed(error);
    }
  }

  const stop = patchMethod(
    globalThis,
    "fetch",
    (original) =>
      function (...args) {
        const fetch: Fetch = (...changed) => Reflect.apply(original, this, changed);
        const call = understandCall(args, tracing.rules);
        return call ? run(call, fetch) : fetch(...args);
      },
  );
  return { stop, settle: flights.settle, cut: flights.cut };
}

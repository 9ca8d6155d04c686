import { type Context, ROOT_CONTEXT, type SpanContext, SpanKind, TraceFlags } from "@opentelemetry/api";
import {
  INTERACTION_TARGET,
  INTERACTION_TYPE,
  interactionSpanName,
  PARENT,
} from "@throughline/core/attributes";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import { normalMethod } from "../request/fetch-call.ts";
import { createFlights, type Flight } from "../request/flight.ts";
import { describeRequest } from "../request/request-span.ts";
import { isKept } from "../trace/trace-share.ts";
import type { OwnSpanOptions } from "../trace/tracer.ts";
import type { EarlyClick, EarlyOutcome, EarlyRequest, EarlyWork } from "./early-work.ts";

/** Makes spans of what came before the tracing did, with the ids that are on the wire already. */
export function traceEarlyWork({ clicks, requests, listeners }: EarlyWork, ratio = 1): WebInstrument {
  /** Of a session that is traced every trace; of who has not answered yet the share. */
  const contextOf = ({ traceId, spanId }: EarlyClick | EarlyRequest): SpanContext => {
    return { traceId, spanId, traceFlags: isKept(traceId, ratio) ? TraceFlags.SAMPLED : TraceFlags.NONE };
  };

  return (page) => {
    for (const [target, ...listener] of listeners) {
      target.removeEventListener(...listener);
      target.addEventListener(...listener);
    }
    listeners.clear();
    const flights = createFlights(page.later, page.life.release);
    // Told once: what starts after a denial must not tell it again.
    const contexts = new Map(
      clicks.splice(0).map((click) => [click, beginClick(click, contextOf(click), page)]),
    );
    for (const request of requests.splice(0)) {
      const parent = request.click && contexts.get(request.click);
      const flight: Flight = {
        span: startRequest(request, contextOf(request), page, parent),
        signal: request.call.signal,
      };
      const settle = ({ failed, value, at }: EarlyOutcome): void =>
        failed ? flights.fail(flight, value, at) : flights.receive(flight, value, at);
      flights.start(flight);
      if (request.outcome) settle(request.outcome);
      else request.onOutcome = settle;
    }
    return { stop: () => undefined, settle: flights.settle, cut: flights.cut };
  };
}

function beginClick(click: EarlyClick, spanContext: SpanContext, page: TracedPage): Context {
  const { element, startedAt } = click;
  const { tracer, life, events } = page;
  const target = events.labelOf(element);
  const options: OwnSpanOptions = {
    attributes: { [INTERACTION_TYPE]: "click", [INTERACTION_TARGET]: target },
    startTime: startedAt,
    spanContext,
  };
  return life.begin(tracer.startSpan(interactionSpanName("click", target), options, ROOT_CONTEXT));
}

/** Which code made the request was not seen, so a click is never more than a guess. */
function startRequest(
  request: EarlyRequest,
  spanContext: SpanContext,
  { tracer }: TracedPage,
  click: Context | undefined,
) {
  const { call, propagation, startedAt } = request;
  const options: OwnSpanOptions = {
    kind: SpanKind.CLIENT,
    attributes: { ...describeRequest(call, propagation), ...(click && { [PARENT]: "inferred" }) },
    startTime: startedAt,
    spanContext,
  };
  return tracer.startSpan(normalMethod(call.method), options, click ?? ROOT_CONTEXT);
}

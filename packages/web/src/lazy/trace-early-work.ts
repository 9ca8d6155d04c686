import { type Context, ROOT_CONTEXT, type SpanContext, SpanKind, TraceFlags } from "@opentelemetry/api";
import { PARENT } from "@throughline/core/attributes";
import { door, ERROR_DOOR } from "../error/error-door.ts";
import { isControlFlow } from "../error/error-text.ts";
import { UNCAUGHT } from "../error/uncaught-errors.ts";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import { startInteraction } from "../interaction/clicks.ts";
import { IDLE_MS } from "../interaction/interaction-life.ts";
import { createFlights, type Flight } from "../request/flight.ts";
import { describeRequest, requestSpanName } from "../request/request-span.ts";
import { isKept } from "../trace/trace-share.ts";
import type { OwnSpanOptions } from "../trace/tracer.ts";
import type { EarlyClick, EarlyOutcome, EarlyRequest, EarlyWork } from "./early-work.ts";

/** Makes spans of what came before the tracing did, with the ids that are on the wire already. */
export function traceEarlyWork({ clicks, requests, errors, listeners }: EarlyWork, ratio = 1): WebInstrument {
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
    const isOf = (click: EarlyClick) => (request: EarlyRequest) => request.click === click;
    // One of long ago that asked for nothing is no guess for what comes now.
    const isOpen = (click: EarlyClick): boolean =>
      performance.now() - click.startedAt < IDLE_MS || requests.some(isOf(click));
    const contexts = new Map(
      clicks
        .splice(0)
        .filter(isOpen)
        .map((click) => [click, beginClick(click, contextOf(click), page)]),
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
    for (const event of errors.splice(0)) tellError(event);
    return { stop: () => undefined, settle: flights.settle, cut: flights.cut };
  };
}

/** To the instrument of errors, which has started by now where there is one. */
function tellError(event: Event): void {
  const isRejection = event instanceof PromiseRejectionEvent;
  if (!isRejection && !(event instanceof ErrorEvent)) return;
  const error: unknown = isRejection ? event.reason : (event.error ?? event.message);
  if (!isControlFlow(error)) door[ERROR_DOOR]?.(UNCAUGHT, error);
}

function beginClick(click: EarlyClick, spanContext: SpanContext, page: TracedPage): Context {
  const { element, startedAt } = click;
  const { tracer, life, events } = page;
  const own = { startTime: startedAt, spanContext };
  return life.begin(startInteraction(tracer, "click", events.labelOf(element), own));
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
  return tracer.startSpan(requestSpanName(call.method), options, click ?? ROOT_CONTEXT);
}

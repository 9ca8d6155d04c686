import { createTraceState, isSpanContextValid, type SpanContext, TraceFlags } from "@opentelemetry/api";
import { parseTraceparent, printTraceparent } from "@throughline/core";
import { warnOnce } from "../log.ts";
import { isPlainObject } from "../plain-object.ts";

/** The one key that a traced job's payload has beside its own. */
export const JOB_CARRIER = "__throughline";

/** What a job knows of the span that sent it. No baggage: a queue may be read by others, and long after. */
export interface JobCarrier {
  /** https://www.w3.org/TR/trace-context/#traceparent-header */
  readonly traceparent: string;
  readonly tracestate?: string;
  /** When it was sent, in milliseconds since 1970. */
  readonly sentUnixMs: number;
  readonly queue?: string;
  readonly system?: string;
  /** One of so many that a trace with all of them could not be read. */
  readonly fanOut?: boolean;
}

/** What a job may carry: a plain object, the only thing that has room for a key. */
export type JobPayload = object & { readonly [Symbol.iterator]?: never };

export type Carrying<P> = P & { readonly [JOB_CARRIER]?: JobCarrier };

/** The payload with the carrier beside its own keys; one that has no room for it goes without. */
export function carry<P>(payload: P, carrier: JobCarrier | undefined): P {
  if (!carrier) return payload;
  if (isPlainObject(payload)) return { ...payload, [JOB_CARRIER]: carrier };
  warnOnce(
    `a job of the queue ${JSON.stringify(carrier.queue ?? "")} was sent without its trace: its payload is ${kindOf(payload)}, and only a plain object has room for the key ${JSON.stringify(JOB_CARRIER)}. Send { value: … } instead, and it joins the trace.`,
  );
  return payload;
}

/** Where a payload came from, and the payload as its sender wrote it. */
export interface Received<P> {
  readonly payload: P;
  readonly carrier: JobCarrier | undefined;
  readonly sender: SpanContext | undefined;
}

/** Takes the carrier out of a payload; one that cannot be read is ignored and told once. */
export function receive<P>(payload: P): Received<P> {
  if (!isPlainObject(payload) || !(JOB_CARRIER in payload))
    return { payload, carrier: undefined, sender: undefined };
  const { [JOB_CARRIER]: found, ...own } = payload;
  const carrier = readCarrier(found);
  // Without the one key it is what the sender wrote.
  return { payload: own as P, carrier, sender: carrier && senderOf(carrier) };
}

/** What a sender writes down of its span; `undefined` where there is none. */
export function carrierOf(
  span: SpanContext,
  about: Omit<JobCarrier, "traceparent" | "tracestate">,
): JobCarrier | undefined {
  if (!isSpanContextValid(span)) return undefined;
  const sampled = (span.traceFlags & TraceFlags.SAMPLED) !== 0;
  const tracestate = span.traceState?.serialize();
  return {
    traceparent: printTraceparent({ traceId: span.traceId, spanId: span.spanId, sampled }),
    ...(tracestate && { tracestate }),
    ...about,
  };
}

function senderOf({ traceparent, tracestate }: JobCarrier): SpanContext | undefined {
  const parsed = parseTraceparent(traceparent);
  if (!parsed) return undefined;
  return {
    traceId: parsed.traceId,
    spanId: parsed.spanId,
    traceFlags: parsed.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(tracestate && { traceState: createTraceState(tracestate) }),
  };
}

function readCarrier(found: unknown): JobCarrier | undefined {
  if (typeof found !== "object" || found === null) return badCarrier(found);
  const { traceparent, tracestate, sentUnixMs, queue, system, fanOut } = found as Record<string, unknown>;
  if (typeof traceparent !== "string" || !parseTraceparent(traceparent)) return badCarrier(found);
  return {
    traceparent,
    ...(typeof tracestate === "string" && { tracestate }),
    sentUnixMs: typeof sentUnixMs === "number" ? sentUnixMs : Number.NaN,
    ...(typeof queue === "string" && { queue }),
    ...(typeof system === "string" && { system }),
    ...(fanOut === true && { fanOut }),
  };
}

// Without the value: whoever wrote it could make each one another text, and the log has one line for all of them.
function badCarrier(found: unknown): undefined {
  warnOnce(
    `a job has ${kindOf(found)} without a valid traceparent under ${JSON.stringify(JOB_CARRIER)} and runs in a trace of its own. That key belongs to injectJob(); use another one for your own data.`,
  );
  return undefined;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

import type { Attributes } from "@opentelemetry/api";
import {
  HTTP_RESPONSE_BODY_SIZE,
  HTTP_RESPONSE_SIZE,
  NETWORK_PROTOCOL_VERSION,
} from "@throughline/core/attributes";
import type { WebInstrument } from "../instrument.ts";
import { watchEntries } from "../page/watch-entries.ts";
import type { SpanData, SpanEvent } from "../trace/span.ts";
import { hrTime, isBefore } from "../trace/span-time.ts";
import type { LateData } from "../transport/otlp-json.ts";
import type { SentRequest } from "../transport/transport.ts";

/** Above it the two clocks differ by more than their resolution. */
const DRIFT_MS = 5;
/** Requests whose spans never come to be written, at most. */
const MAX_REQUESTS = 4096;

interface Request extends SentRequest {
  /** Two entries where one was expected tell nothing. */
  readonly entries: PerformanceResourceTiming[];
}

/**
 * Adds what the browser measured of a request to its span: events `fetchStart` to `responseEnd`, sizes, protocol.
 * No span waits for it: the entry is joined while the span waits for its batch, at the latest when the page hides.
 */
export function traceResourceTiming(): WebInstrument {
  return ({ outbox }) => {
    const requests = new Map<string, Request>();
    // One observer for all, and never the page's buffer: others use that, and it is full after 250 entries.
    const entries = watchEntries<PerformanceResourceTiming>("resource", (entry) => {
      const [request, ...others] = [...requests.values()].filter((each) => isOf(each, entry));
      if (request && others.length === 0) request.entries.push(entry);
    });
    outbox.timing = {
      sent(spanId, request) {
        requests.set(spanId, { ...request, entries: [] });
        const [oldest = ""] = requests.size > MAX_REQUESTS ? requests.keys() : [];
        requests.delete(oldest);
      },
      complete(span) {
        const { spanId } = span.spanContext();
        const request = requests.get(spanId);
        if (!request) return undefined;
        entries.drain();
        requests.delete(spanId);
        const [entry, ...others] = request.entries;
        return entry && others.length === 0 ? describe(entry, span, request) : undefined;
      },
    };
    return {
      stop() {
        outbox.timing = undefined;
        entries.stop();
      },
    };
  };
}

/**
 * `fetch` and `send` begin the request before they return, so that of any number of requests to one address an
 * entry belongs to the one during whose call it began. Where that is none (a wrapper below us waited before it passed
 * the call on) or two (the clock is too coarse), nothing is joined.
 */
function isOf({ url, from, until }: SentRequest, { name, startTime }: PerformanceResourceTiming): boolean {
  return name === url.href && from <= startTime && startTime <= until;
}

function describe(entry: PerformanceResourceTiming, span: SpanData, { from }: SentRequest): LateData {
  const origin = performance.timeOrigin;
  const drift = span.startTime[0] * 1000 + span.startTime[1] / 1e6 - origin - from;
  const unixOrigin = origin + (Math.abs(drift) > DRIFT_MS ? drift : 0);
  const events: SpanEvent[] = phasesOf(entry)
    .map((name) => ({ name, time: hrTime(entry[name] + unixOrigin, 0) }))
    // The rest of a body that nobody read, or what came after an abort.
    .filter(({ time }) => !isBefore(span.endTime, time));
  return { attributes: attributesOf(entry), events };
}

const CONNECTING = [
  "domainLookupStart",
  "domainLookupEnd",
  "connectStart",
  "secureConnectionStart",
  "connectEnd",
] as const;

type Phase = "fetchStart" | (typeof CONNECTING)[number] | "requestStart" | "responseStart" | "responseEnd";

/** In the order in which they happen, without those that did not: a connection that was there, or what another origin does not tell. */
function phasesOf(entry: PerformanceResourceTiming): readonly Phase[] {
  const connecting = entry.connectEnd > entry.fetchStart ? CONNECTING : [];
  const phases: readonly Phase[] = [
    "fetchStart",
    ...connecting,
    "requestStart",
    "responseStart",
    "responseEnd",
  ];
  return phases.filter((name) => entry[name] > 0);
}

/** Zero stands for what another origin does not tell: https://www.w3.org/TR/resource-timing/#dfn-timing-allow-check */
function attributesOf({
  transferSize,
  encodedBodySize,
  nextHopProtocol,
}: PerformanceResourceTiming): Attributes {
  const version = /^(?:http\/|h)(\d.*)$/.exec(nextHopProtocol)?.[1];
  return {
    ...(transferSize > 0 && { [HTTP_RESPONSE_SIZE]: transferSize }),
    ...(encodedBodySize > 0 && { [HTTP_RESPONSE_BODY_SIZE]: encodedBodySize }),
    ...(version && { [NETWORK_PROTOCOL_VERSION]: version }),
  };
}

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
/** Unix time in milliseconds has less than four places in a number. */
const ROUNDING_MS = 0.001;
/** WebKit begins a request in a task of its own, and nothing else tells it from the others. */
const WEBKIT_LATE_MS = 5;
/** Requests whose spans never come to be written, at most. */
const MAX_REQUESTS = 4096;

interface Request extends SentRequest {
  readonly entries: PerformanceResourceTiming[];
  /** Another request to this address was made at nearly the same time. */
  shared: boolean;
}

/**
 * Adds what the browser measured of a request to its span: events `fetchStart` to `responseEnd`, sizes, protocol.
 * No span waits for it: the entry is joined while the span waits for its batch, at the latest when the page hides.
 */
export function traceResourceTiming(): WebInstrument {
  return ({ outbox }) => {
    const requests = new Map<string, Request>();
    const lateMs = navigator.vendor.startsWith("Apple") ? WEBKIT_LATE_MS : 0;
    const taken = new WeakSet<PerformanceResourceTiming>();
    // One observer for all, and never the page's buffer: others use that, and it is full after 250 entries.
    const entries = watchEntries<PerformanceResourceTiming>("resource", (entry) => {
      const all = [...requests.values()];
      const begun = all.filter((request) => isOf(request, entry, 0));
      const owners = begun.length > 0 ? begun : all.filter((request) => isOf(request, entry, lateMs));
      for (const request of owners) request.entries.push(entry);
    });
    outbox.timing = {
      sent(spanId, sent) {
        const rivals = [...requests.values()].filter((each) => meets(each, sent, lateMs));
        for (const each of rivals) each.shared = true;
        requests.set(spanId, { ...sent, entries: [], shared: rivals.length > 0 });
        const [oldest = ""] = requests.size > MAX_REQUESTS ? requests.keys() : [];
        requests.delete(oldest);
      },
      complete(span) {
        const { spanId } = span.spanContext();
        const request = requests.get(spanId);
        if (!request) return undefined;
        entries.drain();
        requests.delete(spanId);
        const entry = choose(request, span, taken);
        if (!entry) return undefined;
        taken.add(entry);
        return describe(entry, span, request);
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
 * `fetch` and `send` begin the request before they return, or in WebKit just after, so that of any number of requests
 * to one address an entry belongs to the one during whose call it began. Where that is none (a wrapper below us waited
 * before it passed the call on), nothing is joined.
 */
function isOf(
  { url, from, until }: SentRequest,
  { name, startTime }: PerformanceResourceTiming,
  lateMs: number,
): boolean {
  return name === url.href && from <= startTime && startTime <= until + lateMs;
}

function meets(one: SentRequest, other: SentRequest, lateMs: number): boolean {
  return (
    one.url.href === other.url.href && one.from <= other.until + lateMs && other.from <= one.until + lateMs
  );
}

/**
 * The one entry that began during the call; two of them tell nothing. Requests that began in one tick of the clock
 * (a millisecond in Firefox and WebKit) are alike but for their ends: the spans come in the order in which they ended, and each
 * takes the first that is left of those that had ended by then, or had an answer that nobody read.
 */
function choose(
  { entries, shared, from }: Request,
  span: SpanData,
  taken: WeakSet<PerformanceResourceTiming>,
): PerformanceResourceTiming | undefined {
  if (!shared) return entries.length === 1 ? entries[0] : undefined;
  const end = millisecondsOf(span.endTime) - originOf(span, from) + ROUNDING_MS;
  const left = entries
    .filter((entry) => !taken.has(entry))
    .sort((one, other) => one.startTime - other.startTime || one.responseEnd - other.responseEnd);
  return (
    left.find(({ responseEnd }) => responseEnd <= end) ??
    left.find(({ responseStart }) => responseStart <= end)
  );
}

function millisecondsOf([seconds, nanos]: SpanData["startTime"]): number {
  return seconds * 1000 + nanos / 1e6;
}

/** What to add to the times of the request's entry for the clock of its span. */
function originOf(span: SpanData, from: number): number {
  const origin = performance.timeOrigin;
  const drift = millisecondsOf(span.startTime) - origin - from;
  return origin + (Math.abs(drift) > DRIFT_MS ? drift : 0);
}

function describe(entry: PerformanceResourceTiming, span: SpanData, { from }: SentRequest): LateData {
  const origin = originOf(span, from);
  const events: SpanEvent[] = phasesOf(entry)
    .map((name) => ({ name, time: hrTime(entry[name] + origin, 0) }))
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

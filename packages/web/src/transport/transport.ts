import { diag, TraceFlags } from "@opentelemetry/api";
import type { Later } from "../later.ts";
import { listen } from "../listen.ts";
import { isPrerendering } from "../page/prerendering.ts";
import type { Stop } from "../patch-method.ts";
import { attempt } from "../start-all.ts";
import type { SpanData } from "../trace/span.ts";
import { byteLength, createDelivery, type Hold } from "./delivery.ts";
import { type LateData, writeRequest, writeResource, writeScope, writeSpan } from "./otlp-json.ts";

const BATCH_MS = 1000;
const BATCH_SPANS = 64;
const MAX_QUEUED = 2048;
/** One post; an app's ingest route and the keepalive budget both stay above it. */
const MAX_POST_BYTES = 48 * 1024;
/** Two of these are less than keepalive carries, so that the newest are never one small post alone. */
const LATE_POST_BYTES = 28 * 1024;

export interface TransportOptions {
  /** Full URL of the traces endpoint. */
  readonly url: string;
  readonly resource: Readonly<Record<string, unknown>>;
  /** The fetch of the page before anybody traced it. */
  readonly fetch: typeof globalThis.fetch;
  readonly later: Later;
}

/** For what keeps posts from one page load to the next. */
export interface Outbox {
  /** Names who keeps a post that may not have arrived. */
  holdBy(hold: Hold): void;
  /** Posts what an earlier page wrote. */
  resend(body: string): void;
  /** What measures requests; asked for what it has when a span is written, at the latest when the page hides. */
  timing?: RequestTiming | undefined;
}

export interface RequestTiming {
  /** A request with a span of its own was handed to the browser. */
  readonly sent: (spanId: string, request: SentRequest) => void;
  readonly complete: (span: SpanData) => LateData | undefined;
}

export interface SentRequest {
  /** Whole, with its query. */
  readonly url: URL;
  /** The times of `performance.now` between which the browser took it. */
  readonly from: number;
  readonly until: number;
}

export interface Transport extends Outbox {
  /** Takes a span that ended; one that is not sampled goes no further. */
  onEnd(span: SpanData): void;
  /** Posts what is queued; resolves when every post was answered or given up. */
  flush(): Promise<void>;
  /** The page may not come back: posts now what is queued or waits for another try. */
  hide(): void;
}

/** A span that is ready to go. */
export interface Written {
  readonly scope: string;
  readonly json: string;
}

/** Queues ended spans as OTLP/JSON and posts them about once a second, at the latest when the page hides. */
export function createTransport(options: TransportOptions): Transport {
  const { later, url } = options;
  const resourceJson = writeResource(options.resource);
  let hold: Hold = () => undefined;
  let told = false;
  const delivery = createDelivery({ ...options, hold: (body) => hold(body), tellLoss });
  const queue: SpanData[] = [];
  let cancelTimer: Stop | undefined;

  /** Says the first loss. */
  function tellLoss(spans: number | string, why: string): void {
    if (!told)
      diag.warn(`@throughline/web: ${spans} spans not delivered to ${url}: ${why}; check its collector`);
    told = true;
  }

  function send(isLate?: boolean): void {
    cancelTimer?.();
    cancelTimer = undefined;
    // A page that nobody comes to see is told of by nobody.
    if (isPrerendering()) return;
    const count = queue.length;
    // Off the queue when they have been handed on: Firefox breaks off, once, what a closing tab runs.
    // One that cannot be written does not take the others along.
    const spans = queue.flatMap(
      (span) =>
        attempt(() => ({
          scope: writeScope(span.instrumentationScope),
          json: writeSpan(span, transport.timing?.complete(span)),
        })) ?? [],
    );
    const limit = (isLate ? LATE_POST_BYTES : MAX_POST_BYTES) - byteLength(resourceJson);
    for (const batch of packSpans(spans, limit))
      delivery.deliver(writeRequest(resourceJson, groupByScope(batch)), batch.length, isLate);
    if (isLate) delivery.hurry();
    queue.splice(0, count);
  }

  /** While a post is on its way spans wait together, and not in many posts. */
  function sendUnlessBusy(): void {
    if (delivery.isBusy()) cancelTimer = later(sendUnlessBusy, BATCH_MS);
    else send();
  }

  // A page that is shown already has nothing to wait for, and a listener would keep a stopped transport.
  if (isPrerendering()) listen(document, "prerenderingchange", () => send());
  const transport: Transport = {
    onEnd(span) {
      if (!(span.spanContext().traceFlags & TraceFlags.SAMPLED)) return;
      if (queue.length >= MAX_QUEUED) return tellLoss(1, `${MAX_QUEUED} wait already`);
      queue.push(span);
      if (queue.length >= BATCH_SPANS && !delivery.isBusy()) send();
      else cancelTimer ??= later(sendUnlessBusy, BATCH_MS);
    },
    flush() {
      send();
      return delivery.settled();
    },
    holdBy(keep) {
      hold = keep;
    },
    resend: (body) => delivery.deliver(body, "earlier"),
    hide: () => send(true),
  };
  return transport;
}

// {"resourceSpans":[{"resource":,"scopeSpans":[]}]}
const ENVELOPE_BYTES = 49;
// {"scope":,"spans":[]},
const SCOPE_BYTES = 22;

/**
 * Splits spans, in order, into posts of at most `limit` bytes (the resource not counted); a larger span goes alone.
 * Each is counted as if it had its scope to itself, which is a little more than the post will have.
 */
export function packSpans(spans: readonly Written[], limit: number): readonly (readonly Written[])[] {
  const batches: Written[][] = [];
  let bytes = limit;
  for (const span of spans) {
    const size = byteLength(span.json + span.scope) + SCOPE_BYTES;
    bytes += size;
    if (bytes > limit) {
      batches.push([]);
      bytes = ENVELOPE_BYTES + size;
    }
    batches.at(-1)?.push(span);
  }
  return batches;
}

function groupByScope(batch: readonly Written[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { scope, json } of batch) groups.set(scope, [...(groups.get(scope) ?? []), json]);
  return groups;
}

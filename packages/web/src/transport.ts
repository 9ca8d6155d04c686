import { diag, TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Later } from "./later.ts";
import { writeRequest, writeResource, writeScope, writeSpan } from "./otlp-json.ts";
import type { Stop } from "./patch-method.ts";

const BATCH_MS = 1000;
const BATCH_SPANS = 64;
const MAX_QUEUED = 2048;
/** One post; an app's ingest route and the keepalive budget both stay far above it. */
const MAX_POST_BYTES = 48 * 1024;
// Chromium refuses a keepalive fetch above 64 KiB or nine of them in flight, all of the page's together:
// https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
const KEEPALIVE_BYTES = 60 * 1024;
const KEEPALIVE_POSTS = 9;
const TRIES = 3;
const BACKOFF_MS = 1000;
const MAX_WAIT_MS = 10_000;
const RETRYABLE: readonly number[] = [429, 502, 503, 504];

export interface TransportOptions {
  /** Full URL of the traces endpoint. */
  readonly url: string;
  readonly resource: Readonly<Record<string, unknown>>;
  /** The fetch of the page before anybody traced it. */
  readonly fetch: typeof globalThis.fetch;
  readonly later: Later;
}

export interface Transport {
  /** Takes every sampled span that ends. */
  readonly processor: SpanProcessor;
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

export function createTransport({ url, resource, fetch, later }: TransportOptions): Transport {
  const resourceJson = writeResource(resource);
  const underway = new Set<Promise<void>>();
  const waiting = new Set<Stop>();
  const keepalive = { posts: 0, bytes: 0 };
  let queue: Written[] = [];
  let cancelTimer: Stop | undefined;
  let told = false;

  function tellLoss(spans: number, why: string): void {
    if (told) return;
    told = true;
    diag.warn(
      `@throughline/web: ${spans} spans were not delivered to ${url}: ${why}; check that the endpoint exists and its collector runs (said once)`,
    );
  }

  function enqueue(span: ReadableSpan): void {
    if (queue.length >= MAX_QUEUED) return tellLoss(1, `${MAX_QUEUED} are already waiting`);
    queue.push({ scope: writeScope(span.instrumentationScope), json: writeSpan(span) });
    if (queue.length >= BATCH_SPANS) send();
    else cancelTimer ??= later(send, BATCH_MS);
  }

  function send(): void {
    cancelTimer?.();
    cancelTimer = undefined;
    const spans = queue;
    queue = [];
    for (const batch of packSpans(spans, MAX_POST_BYTES - byteLength(resourceJson))) {
      const delivery = deliver(batch);
      underway.add(delivery);
      void delivery.finally(() => underway.delete(delivery));
    }
  }

  async function deliver(batch: readonly Written[]): Promise<void> {
    const body = writeRequest(resourceJson, groupByScope(batch));
    for (let attempt = 1; ; attempt++) {
      const { wait, why } = await post(body, attempt);
      if (why === undefined) return;
      if (wait === undefined || attempt === TRIES) return tellLoss(batch.length, why);
      await pause(wait);
    }
  }

  async function post(body: string, attempt: number): Promise<Outcome> {
    const bytes = byteLength(body);
    // Not only near the end: a navigation cancels every other post that is on its way.
    const keep = keepalive.posts < KEEPALIVE_POSTS && keepalive.bytes + bytes <= KEEPALIVE_BYTES;
    if (keep) occupy(1, bytes);
    try {
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body, keepalive: keep });
      // An answer that is not read keeps its connection busy.
      await response.arrayBuffer().catch(() => undefined);
      if (response.ok) return {};
      const why = `it answered ${response.status}`;
      return RETRYABLE.includes(response.status) ? { wait: waitFor(attempt, response), why } : { why };
    } catch (error) {
      return { wait: waitFor(attempt), why: String(error) };
    } finally {
      if (keep) occupy(-1, -bytes);
    }
  }

  function occupy(posts: number, bytes: number): void {
    keepalive.posts += posts;
    keepalive.bytes += bytes;
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        waiting.delete(wake);
        resolve();
      };
      const cancel = later(wake, ms);
      waiting.add(wake);
    });
  }

  async function flush(): Promise<void> {
    send();
    while (underway.size > 0) await Promise.all(underway);
  }

  return {
    processor: {
      onStart: () => undefined,
      onEnd: (span) => {
        if (span.spanContext().traceFlags & TraceFlags.SAMPLED) enqueue(span);
      },
      forceFlush: flush,
      shutdown: flush,
    },
    flush,
    hide() {
      send();
      for (const wake of waiting) wake();
    },
  };
}

/** `why` is missing when all went well, `wait` when another try is of no use. */
interface Outcome {
  readonly wait?: number;
  readonly why?: string;
}

/** Splits spans, in order, into posts of at most `limit` bytes; a span above it goes alone. */
export function packSpans(spans: readonly Written[], limit: number): readonly (readonly Written[])[] {
  const batches: Written[][] = [];
  let batch: Written[] = [];
  let bytes = ENVELOPE_BYTES;
  for (const span of spans) {
    const isNew = !batch.some((other) => other.scope === span.scope);
    const cost = byteLength(span.json) + 1 + (isNew ? byteLength(span.scope) + SCOPE_BYTES : 0);
    if (batch.length > 0 && bytes + cost > limit) {
      batches.push(batch);
      batch = [];
      bytes = ENVELOPE_BYTES + (isNew ? 0 : byteLength(span.scope) + SCOPE_BYTES);
    }
    batch.push(span);
    bytes += cost;
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}

const ENVELOPE_BYTES = '{"resourceSpans":[{"resource":,"scopeSpans":[]}]}'.length;
const SCOPE_BYTES = '{"scope":,"spans":[]},'.length;

function groupByScope(batch: readonly Written[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { scope, json } of batch) {
    const group = groups.get(scope);
    if (group) group.push(json);
    else groups.set(scope, [json]);
  }
  return groups;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

// Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
function waitFor(attempt: number, response?: Response): number {
  const header = response?.headers.get("retry-after");
  const seconds = Number(header ?? Number.NaN);
  const asked = Number.isNaN(seconds) ? Date.parse(header ?? "") - Date.now() : seconds * 1000;
  // The random part keeps many pages from coming back at the same moment.
  const wait = asked >= 0 ? asked : BACKOFF_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  return Math.min(wait, MAX_WAIT_MS);
}

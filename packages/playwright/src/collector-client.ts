import type { SpansEvent, TraceDocument, TraceList } from "@throughline/core";
import { reasonOf } from "./reason.ts";
import { createSseParser } from "./sse.ts";

/** One worker's connection to the collector: what it stored, and a push for everything it stores from now on. */
export interface CollectorClient {
  readonly url: string;
  /** Traces with browser spans of this test, newest first. */
  traceIdsOf(testId: string): Promise<readonly string[]>;
  /** `undefined`: nothing of this trace has arrived. */
  document(traceId: string): Promise<TraceDocument | undefined>;
  /** Reads everything anew from now on; a flush may be answered before its push arrives. */
  refresh(): void;
  /** Called after spans were stored, and once when the connection is lost. */
  subscribe(listener: (traceIds: readonly string[]) => void): () => void;
  /** Throws when the push connection is gone: from then on silence would prove nothing. */
  assertAlive(): void;
  stop(): void;
}

const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Connects to a running collector.
 * @throws Error with the cure when nothing, or something else, answers there.
 */
export async function startCollectorClient(url: string): Promise<CollectorClient> {
  const abort = new AbortController();
  const listeners = new Set<(traceIds: readonly string[]) => void>();
  const cache = createDocumentCache(url);
  let lost: Error | undefined;
  const tell = (traceIds: readonly string[]): void => {
    for (const listener of [...listeners]) listener(traceIds);
  };
  await readStats(url);
  const stream = await openStream(url, abort.signal);
  const reading = readEvents(stream, (event) => {
    cache.drop(event.traceIds);
    tell(event.traceIds);
  });
  const end = (reason: string): void => {
    if (abort.signal.aborted) return;
    lost = new Error(
      `@throughline/playwright: lost the collector at ${url} during the test (${reason}), so no assertion on traces can be decided; look at the collector's own output and run again`,
    );
    tell([]);
  };
  reading.then(
    () => end("it closed the event stream"),
    (error: unknown) => end(reasonOf(error)),
  );
  return {
    url,
    traceIdsOf: async (testId) => {
      const list = await getJson<TraceList>(
        `${url}/api/traces?limit=1000&test=${encodeURIComponent(testId)}`,
      );
      return list?.traces.map((trace) => trace.traceId) ?? [];
    },
    document: cache.get,
    refresh: cache.clear,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    assertAlive: () => {
      if (lost) throw lost;
    },
    stop: () => abort.abort(),
  };
}

interface DocumentCache {
  get(traceId: string): Promise<TraceDocument | undefined>;
  drop(traceIds: readonly string[]): void;
  clear(): void;
}

// Traces are re-read only after the collector said they changed. 500 is far above what one test owns.
function createDocumentCache(url: string): DocumentCache {
  const pending = new Map<string, Promise<TraceDocument | undefined>>();
  return {
    get: (traceId) => {
      const known = pending.get(traceId);
      if (known) return known;
      const asked = getJson<TraceDocument>(`${url}/api/traces/${traceId}`);
      pending.set(traceId, asked);
      const forget = (): void => {
        if (pending.get(traceId) === asked) pending.delete(traceId);
      };
      asked.then((document) => document ?? forget(), forget);
      const oldest = pending.keys().next().value;
      if (pending.size > 500 && oldest !== undefined) pending.delete(oldest);
      return asked;
    },
    drop: (traceIds) => {
      for (const traceId of traceIds) pending.delete(traceId);
    },
    clear: () => pending.clear(),
  };
}

async function readStats(url: string): Promise<void> {
  let problem: string;
  try {
    const response = await fetch(`${url}/api/stats`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const body: unknown = response.ok ? await response.json() : undefined;
    if (typeof body === "object" && body !== null && "traces" in body) return;
    problem = `something answered ${response.status}, but it is not a Throughline collector`;
  } catch (error) {
    problem = reasonOf(error);
  }
  throw new Error(
    `@throughline/playwright: no collector at ${url} (${problem}), so traces cannot be tested; start one with "npx throughline-collector", or set THROUGHLINE_COLLECTOR_URL or the "collectorUrl" option to where it runs`,
  );
}

async function openStream(url: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(`${url}/api/stream`, { signal, headers: { accept: "text/event-stream" } });
  if (response.ok && response.body) return response.body;
  throw new Error(
    `@throughline/playwright: GET ${url}/api/stream answered ${response.status}, so new spans cannot be followed; is this collector of the same version as the fixture?`,
  );
}

async function readEvents(
  stream: ReadableStream<Uint8Array>,
  onSpans: (event: SpansEvent) => void,
): Promise<void> {
  const feed = createSseParser(({ event, data }) => {
    if (event === "spans") onSpans(JSON.parse(data) as SpansEvent);
  });
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    feed(decoder.decode(part.value, { stream: true }));
  }
}

async function getJson<T>(url: string): Promise<T | undefined> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch (error) {
    throw new Error(
      `@throughline/playwright: GET ${url} failed (${reasonOf(error)}), so the assertion cannot be decided; is the collector still running?`,
    );
  }
  if (response.status === 404) return undefined;
  if (response.ok) return (await response.json()) as T;
  throw new Error(
    `@throughline/playwright: GET ${url} answered ${response.status}, so the assertion cannot be decided; is this collector of the same version as the fixture?`,
  );
}

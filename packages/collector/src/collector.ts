import { fileURLToPath } from "node:url";
import { isKnownHost, parseHost } from "./access.ts";
import { createEventStreams } from "./answers/event-stream.ts";
import { errorResponse } from "./answers/json-response.ts";
import { answerQuery } from "./answers/query-api.ts";
import { answerViewer } from "./answers/viewer-files.ts";
import { createIngest, failure } from "./otlp/ingest.ts";
import { createLogStore } from "./store/log-store.ts";
import { createMemoryStore } from "./store/memory-store.ts";
import type { SpanStore, SpansListener, Stop } from "./store/span-store.ts";

export interface CollectorOptions {
  /** A memory store when left out. The collector closes it. */
  readonly store?: SpanStore | undefined;
  /** Largest body after decompression; 64 MiB when left out, as OTLP recommends. */
  readonly maxBodyBytes?: number | undefined;
  /** Origins besides loopback whose pages may send spans: `https://shop.example`. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Host names besides loopback that this collector answers to, without port; another text throws an Error. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Where the viewer's built files are; beside this file when left out. */
  readonly viewerDirectory?: string | undefined;
}

/** OTLP receiver, query API and viewer as one function; it needs no port. */
export interface Collector {
  handle(request: Request): Promise<Response>;
  readonly store: SpanStore;
  /** Calls back after each commit. */
  subscribe(listener: SpansListener): Stop;
  /** Ends the streams and closes the store. */
  close(): void;
}

export const DEFAULT_MAX_BODY_BYTES: number = 64 * 1024 * 1024;

export function createCollector(options: CollectorOptions = {}): Collector {
  const store = options.store ?? createMemoryStore();
  const allowedHosts = (options.allowedHosts ?? []).map(parseHost);
  const viewerDirectory = options.viewerDirectory ?? fileURLToPath(new URL("./viewer/", import.meta.url));
  const logs = createLogStore();
  const streams = createEventStreams();
  const ingest = createIngest({
    store,
    takeLogs(lines) {
      logs.add(lines);
      const traceIds = [...new Set(lines.map(({ traceId }) => traceId))];
      if (traceIds.length > 0) streams.send({ traceIds, spanCount: 0 });
    },
    maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    allowedOrigins: options.allowedOrigins ?? [],
  });
  const stopStreams = store.subscribe(streams.send);
  const query = {
    store,
    logs,
    openStream: streams.open,
    stats: () => ({ store: store.kind, ...store.stats(), ...ingest.counts() }),
  };

  const route = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const isOtlp = url.pathname.startsWith("/v1");
    if (!isKnownHost(url, allowedHosts)) {
      const message = `this collector does not answer to the host ${url.hostname}; use localhost, or, if the name is yours, start the collector with THROUGHLINE_COLLECTOR_ALLOWED_HOSTS=${url.hostname} (in code: allowedHosts)`;
      return isOtlp ? failure(request, 421, message) : errorResponse(421, "wrong_host", message);
    }
    if (isOtlp) return ingest.handle(request, url);
    if (url.pathname.startsWith("/api/")) return answerQuery(query, request, url);
    return answerViewer(viewerDirectory, request, url);
  };

  return {
    handle: (request) =>
      route(request).catch((error: unknown) =>
        errorResponse(500, "internal", error instanceof Error ? error.message : String(error)),
      ),
    store,
    subscribe: (listener) => store.subscribe(listener),
    close() {
      stopStreams();
      streams.close();
      logs.clear();
      store.close();
    },
  };
}

import type { BrowserContext, Request } from "@playwright/test";
import { parseTraceparent, type TraceContext } from "@throughline/core";

/** One request as it went over the wire, seen from outside the page. */
export interface WireEntry {
  /** Counts up over the whole test, in order of start. */
  readonly order: number;
  readonly method: string;
  readonly url: string;
  /** Playwright's `resourceType()`: `document`, `fetch`, `script`, … */
  readonly resourceType: string;
  /** Origin of the page that asked; `undefined` for service workers and for a page's first navigation. A dedicated worker's page counts. */
  readonly pageOrigin: string | undefined;
  /** The `traceparent` request header. */
  readonly traceparent: TraceContext | undefined;
  /** What the server said it made of this request: `traceparent` in `Server-Timing`. */
  readonly serverTrace: TraceContext | undefined;
  /** A cache answered with the copy of an earlier response, and no server was asked. */
  readonly isCopy: boolean;
  readonly status: number | undefined;
  /** Milliseconds since the Unix epoch, by the browser's clock; 0 while open. */
  readonly startUnixMs: number;
  readonly state: "open" | "finished" | "failed";
}

/** A passive log of what pages request. */
export interface WireLog {
  /** Listens to this context too. */
  watch(context: BrowserContext): void;
  entries(): readonly WireEntry[];
  /** How many requests have started: the order the next one gets. */
  position(): number;
  /** Requests that must end before the wire is idle. */
  inFlight(): readonly WireEntry[];
  /** Called after every start and end of a request. */
  onChange(listener: () => void): () => void;
  stop(): void;
}

// Streams stay open by design, beacons may outlive their page without any further event.
const NEVER_AWAITED = new Set(["eventsource", "websocket", "ping"]);
// The browser's own export is the telemetry, not the subject; the flush waits for it.
const EXPORT_URL = /\/v1\/(traces|logs|metrics)$/;

/** Listens to the requests of the contexts it is told; never routes, never changes one. */
export function startWireLog(): WireLog {
  const contexts = new Set<BrowserContext>();
  const entries: WireEntry[] = [];
  const open = new Map<Request, number>();
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const onRequest = (request: Request): void => {
    if (isExport(request)) return;
    const order = entries.length;
    entries.push(openEntry(order, request));
    if (!NEVER_AWAITED.has(request.resourceType())) open.set(request, order);
    changed();
  };
  const end = (request: Request, state: "finished" | "failed"): void => {
    const order = open.get(request);
    if (order === undefined) return;
    // The entry stays in flight until its headers are read: idle means "everything is known".
    void closeEntry(entries[order] ?? openEntry(order, request), request, state).then((entry) => {
      entries[order] = entry;
      open.delete(request);
      changed();
    });
  };
  const onFinished = (request: Request): void => end(request, "finished");
  const onFailed = (request: Request): void => end(request, "failed");
  return {
    watch: (context) => {
      contexts.add(context);
      context.on("request", onRequest);
      context.on("requestfinished", onFinished);
      context.on("requestfailed", onFailed);
    },
    entries: () => markCopies(entries),
    position: () => entries.length,
    inFlight: () =>
      [...open].filter(([request]) => isAlive(request)).flatMap(([, order]) => entries[order] ?? []),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => {
      for (const context of contexts) {
        context.off("request", onRequest);
        context.off("requestfinished", onFinished);
        context.off("requestfailed", onFailed);
      }
      contexts.clear();
      listeners.clear();
    },
  };
}

/** The trace that a response names in `Server-Timing: traceparent;desc="00-…"`. */
export function parseServerTiming(header: string | undefined | null): TraceContext | undefined {
  const match = /(?:^|[,\n])\s*traceparent\s*;[^,\n]*?desc\s*=\s*"?([0-9a-f-]+)"?/i.exec(header ?? "");
  return match?.[1] === undefined ? undefined : parseTraceparent(match[1]);
}

/**
 * Marks the answers whose `Server-Timing` names a span that an earlier request has made: a span serves one request.
 * Not what a service worker asks for on behalf of a page, which begins after the page's own.
 */
export function markCopies(entries: readonly WireEntry[]): readonly WireEntry[] {
  const firstOf = new Map<string, WireEntry>();
  return entries.map((entry) => {
    const spanId = entry.serverTrace?.spanId;
    const first = spanId === undefined ? undefined : firstOf.get(spanId);
    if (spanId !== undefined && !first) firstOf.set(spanId, entry);
    const isCopy = first !== undefined && first.traceparent?.spanId !== entry.traceparent?.spanId;
    return isCopy ? { ...entry, serverTrace: undefined, isCopy } : entry;
  });
}

function openEntry(order: number, request: Request): WireEntry {
  return {
    order,
    method: request.method(),
    url: request.url(),
    resourceType: request.resourceType(),
    pageOrigin: originOf(() => request.frame().url()),
    traceparent: parseTraceparent(request.headers().traceparent ?? ""),
    serverTrace: undefined,
    isCopy: false,
    status: undefined,
    startUnixMs: 0,
    state: "open",
  };
}

async function closeEntry(
  entry: WireEntry,
  request: Request,
  state: "finished" | "failed",
): Promise<WireEntry> {
  try {
    const sent = await request.allHeaders();
    const response = await request.response();
    return {
      ...entry,
      traceparent: parseTraceparent(sent.traceparent ?? ""),
      serverTrace: parseServerTiming(await response?.headerValue("server-timing")),
      status: response?.status(),
      startUnixMs: request.timing().startTime,
      state,
    };
  } catch {
    // The page went away while its headers were read; what the start told stays.
    return { ...entry, state };
  }
}

function isExport(request: Request): boolean {
  return URL.canParse(request.url()) && EXPORT_URL.test(new URL(request.url()).pathname);
}

// A closed page's requests may never be reported as ended.
function isAlive(request: Request): boolean {
  try {
    return !request.frame().page().isClosed();
  } catch {
    return true;
  }
}

function originOf(url: () => string): string | undefined {
  try {
    const { origin } = new URL(url());
    return origin === "null" ? undefined : origin;
  } catch {
    // request.frame() throws for service workers and for navigations that have no frame yet.
    return undefined;
  }
}

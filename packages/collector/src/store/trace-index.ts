import type { SpanRecord, TraceSummary } from "@throughline/core";
import { createSearchCache } from "./search-cache.ts";
import { wordsOf } from "./search-text.ts";
import type { StoreLimits, StoreStats, TraceFilter } from "./span-store.ts";
import { summarizeTrace } from "./summarize.ts";

/** What both stores know of their traces without reading spans: sizes, order of last change, summaries. */
export interface TraceIndex {
  has(traceId: string): boolean;
  spanCount(traceId: string): number;
  /** Notes a change; the trace becomes the youngest and its summary is computed again when asked for. */
  touch(traceId: string, change: TraceChange): void;
  list(filter: TraceFilter): readonly TraceSummary[];
  /** Forgets the traces over the limits, least recently changed first, and names them. */
  evict(): readonly string[];
  stats(): StoreStats;
  clear(): void;
}

export interface TraceChange {
  readonly addedSpans: number;
  readonly addedBytes: number;
  readonly startUnixMs: number;
}

interface Entry {
  spans: number;
  bytes: number;
  startUnixMs: number;
  summary: TraceSummary | undefined;
}

const DEFAULT_LIST_LIMIT = 100;

/** `load` reads the spans of a trace from the store this index belongs to. */
export function createTraceIndex(
  limits: StoreLimits,
  load: (traceId: string) => readonly SpanRecord[],
): TraceIndex {
  // Insertion order is order of last change: a touched trace is taken out and put back at the end.
  const entries = new Map<string, Entry>();
  let spans = 0;
  let bytes = 0;
  let evictedTraces = 0;
  const searchTexts = createSearchCache(load);

  const summaryOf = (traceId: string, entry: Entry): TraceSummary =>
    (entry.summary ??= summarizeTrace(load(traceId)));
  const forget = (traceId: string, entry: Entry): void => {
    entries.delete(traceId);
    searchTexts.forget(traceId);
    spans -= entry.spans;
    bytes -= entry.bytes;
  };

  return {
    has: (traceId) => entries.has(traceId),
    spanCount: (traceId) => entries.get(traceId)?.spans ?? 0,
    touch(traceId, change) {
      const entry = entries.get(traceId) ?? openEntry(change.startUnixMs);
      entries.delete(traceId);
      entries.set(traceId, entry);
      entry.spans += change.addedSpans;
      entry.bytes += change.addedBytes;
      if (change.startUnixMs < entry.startUnixMs) entry.startUnixMs = change.startUnixMs;
      entry.summary = undefined;
      searchTexts.forget(traceId);
      spans += change.addedSpans;
      bytes += change.addedBytes;
    },
    list({ limit = DEFAULT_LIST_LIMIT, q = "", ...filter }) {
      const found: TraceSummary[] = [];
      const words = wordsOf(q);
      for (const [traceId, entry] of [...entries].sort(newestFirst)) {
        if (found.length >= limit) break;
        // What is known already costs no read.
        if (!mayMatch(entry, filter) || !searchTexts.finds(traceId, words)) continue;
        const summary = summaryOf(traceId, entry);
        if (matches(summary, filter)) found.push(summary);
      }
      return found;
    },
    evict() {
      const evicted: string[] = [];
      for (const [traceId, entry] of entries) {
        const over = bytes > limits.maxBytes || entries.size > limits.maxTraces;
        // The trace that was just written is never its own victim.
        if (!over || entries.size === 1) break;
        forget(traceId, entry);
        evicted.push(traceId);
      }
      evictedTraces += evicted.length;
      return evicted;
    },
    stats: () => ({ traces: entries.size, spans, evictedTraces }),
    clear() {
      entries.clear();
      searchTexts.clear();
      spans = 0;
      bytes = 0;
    },
  };
}

/** What a span takes without its resource, roughly: enough to keep a limit, cheap enough to do for every span. */
export function approximateBytes(span: SpanRecord): number {
  let size = 400 + span.name.length + sizeOf(span.attributes);
  size += (span.status.message?.length ?? 0) + (span.traceState?.length ?? 0);
  for (const event of span.events) size += 60 + event.name.length + sizeOf(event.attributes);
  for (const link of span.links) size += 120 + sizeOf(link.attributes);
  return size;
}

/** What an attribute value takes, roughly. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return 16 + value.length;
  if (typeof value !== "object" || value === null) return 8;
  let size = 16;
  for (const [key, inner] of Object.entries(value)) size += 8 + key.length + sizeOf(inner);
  return size;
}

function openEntry(startUnixMs: number): Entry {
  return { spans: 0, bytes: 0, startUnixMs, summary: undefined };
}

function newestFirst([, a]: [string, Entry], [, b]: [string, Entry]): number {
  return b.startUnixMs - a.startUnixMs;
}

/** Without reading its spans. */
function mayMatch({ summary }: Entry, filter: TraceFilter): boolean {
  return summary === undefined || matches(summary, filter);
}

function matches(summary: TraceSummary, filter: TraceFilter): boolean {
  if (filter.service !== undefined && !summary.services.includes(filter.service)) return false;
  if (filter.test !== undefined && summary.testCaseId !== filter.test) return false;
  if (filter.errors === true && summary.errorCount === 0) return false;
  return (summary.workMs ?? summary.durationMs) >= (filter.minMs ?? 0);
}

import type { Attributes, SpanRecord } from "@throughline/core";
import { createLinkIndex } from "./link-index.ts";
import { createListeners } from "./listeners.ts";
import { DEFAULT_LIMITS, type SpanStore, type StoreLimits } from "./span-store.ts";
import { milliseconds } from "./summarize.ts";
import { approximateBytes, createTraceIndex, sizeOf } from "./trace-index.ts";

/** Keeps spans in memory; everything is gone when the process ends. */
export function createMemoryStore(given: Partial<StoreLimits> = {}): SpanStore {
  const limits = { ...DEFAULT_LIMITS, ...given };
  const traces = new Map<string, Map<string, SpanRecord>>();
  const load = (traceId: string): readonly SpanRecord[] => [...(traces.get(traceId)?.values() ?? [])];
  const index = createTraceIndex(limits, load);
  const links = createLinkIndex();
  const listeners = createListeners();

  // The spans of one request share one resource, so each of them carries a part of it.
  const resourceShares = new WeakMap<Attributes, number>();
  const bytesOf = (span: SpanRecord): number =>
    approximateBytes(span) + (resourceShares.get(span.resource) ?? 0);

  const put = (span: SpanRecord): boolean => {
    const spans = traces.get(span.traceId) ?? new Map<string, SpanRecord>();
    const before = spans.get(span.spanId);
    if (before === undefined && spans.size >= limits.maxSpansPerTrace) return false;
    traces.set(span.traceId, spans.set(span.spanId, span));
    links.add(span);
    index.touch(span.traceId, {
      addedSpans: before === undefined ? 1 : 0,
      addedBytes: bytesOf(span) - (before === undefined ? 0 : bytesOf(before)),
      startUnixMs: milliseconds(span.startUnixNano),
    });
    return true;
  };
  const clear = (): void => {
    traces.clear();
    index.clear();
    links.clear();
  };

  return {
    kind: "memory",
    upsert(spans) {
      const counts = new Map<Attributes, number>();
      for (const { resource } of spans) counts.set(resource, (counts.get(resource) ?? 0) + 1);
      for (const [resource, count] of counts) resourceShares.set(resource, sizeOf(resource) / count);
      const stored = spans.filter(put);
      const evicted = index.evict();
      for (const traceId of evicted) traces.delete(traceId);
      links.forget(evicted);
      listeners.tell(stored);
      return { stored: stored.length, refused: spans.length - stored.length };
    },
    getTrace: load,
    linksTo: (traceId) => links.to(traceId),
    list: (filter) => index.list(filter),
    stats: () => index.stats(),
    subscribe: (listener) => listeners.add(listener),
    clear,
    close: clear,
  };
}

import type { SpanRecord } from "@throughline/core";
import type { SpansListener, Stop } from "./span-store.ts";

export interface Listeners {
  add(listener: SpansListener): Stop;
  tell(spans: readonly SpanRecord[]): void;
}

/** Who wants to hear of stored spans. */
export function createListeners(): Listeners {
  const listeners = new Set<SpansListener>();
  return {
    add(listener) {
      // Wrapped, so that the same function subscribed twice can be stopped one at a time.
      const own: SpansListener = (event) => listener(event);
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
    tell(spans) {
      if (spans.length === 0) return;
      const event = { traceIds: [...new Set(spans.flatMap(changedBy))], spanCount: spans.length };
      for (const listener of listeners) {
        // The spans are committed: what a listener throws is its own problem, and must not fail the ack.
        try {
          listener(event);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}

/** The traces that are shown differently from now on: a span's own, and those that it has a link to. */
function changedBy({ traceId, links }: SpanRecord): readonly string[] {
  return [traceId, ...links.map((link) => link.traceId)];
}

import { type Context, trace } from "@opentelemetry/api";

/** Enough for measurements that come late; the first one is kept for those of the document itself. */
const MAX_KEPT = 8;

export interface PageContexts {
  add(context: Context): void;
  /** The first page load or navigation that began at or after this time of `performance.now`, else the latest. */
  since(ms: number): Context | undefined;
}

/** Which page load or navigation was when: a measurement is told after the next one has begun. */
export function createPageContexts(): PageContexts {
  const kept: { readonly at: number; readonly context: Context }[] = [];
  return {
    add(context) {
      // The server's span takes the requests of a page that is prerendered, and nothing is measured of that.
      if (trace.getSpanContext(context)?.isRemote) return;
      kept.push({ at: performance.now(), context });
      if (kept.length > MAX_KEPT) kept.splice(1, 1);
    },
    since: (ms) => (kept.find(({ at }) => at >= ms) ?? kept.at(-1))?.context,
  };
}

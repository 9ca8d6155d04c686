import { type Context, trace } from "@opentelemetry/api";

/** Enough for measurements that come late; the first one is kept for those of the document itself. */
const MAX_KEPT = 8;

/** A page load or navigation, and the time of `performance.now` at which it began. */
export interface PageView {
  readonly at: number;
  readonly context: Context;
}

/** Notes a page load or navigation that begins now: a measurement is told after the next one has begun. */
export function addPageView(views: PageView[], context: Context): void {
  // The server's span takes the requests of a page that is prerendered, and nothing is measured of that.
  if (trace.getSpanContext(context)?.isRemote) return;
  views.push({ at: performance.now(), context });
  if (views.length > MAX_KEPT) views.splice(1, 1);
}

/** The first page load or navigation that began at or after this time of `performance.now`, else the latest. */
export function contextSince(views: readonly PageView[], ms: number): Context | undefined {
  return (views.find(({ at }) => at >= ms) ?? views.at(-1))?.context;
}

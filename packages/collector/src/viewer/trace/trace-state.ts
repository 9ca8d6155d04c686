import type { TimeRange } from "./time-axis.ts";

/** What the reader chose on a trace page. */
export interface TraceState {
  /** The row the keyboard is on. */
  readonly spanId: string | undefined;
  readonly detailOpen: boolean;
  readonly query: string;
  readonly hideFramework: boolean;
  readonly collapsed: ReadonlySet<string>;
  /** The part of the trace that fills the width; all of it when undefined. */
  readonly zoom: TimeRange | undefined;
}

/** The state that an address holds; collapsing stays out of it. */
export function parseTraceState(search: URLSearchParams): TraceState {
  const spanId = search.get("span") ?? undefined;
  return {
    spanId,
    detailOpen: spanId !== undefined,
    query: search.get("q") ?? "",
    hideFramework: search.get("framework") === "hidden",
    collapsed: new Set(),
    zoom: parseZoom(search.get("from"), search.get("to")),
  };
}

export function printTraceUrl(traceId: string, state: TraceState): string {
  const search = new URLSearchParams();
  if (state.detailOpen && state.spanId !== undefined) search.set("span", state.spanId);
  if (state.query !== "") search.set("q", state.query);
  if (state.hideFramework) search.set("framework", "hidden");
  if (state.zoom) {
    search.set("from", state.zoom.fromMs.toFixed(3));
    search.set("to", state.zoom.toMs.toFixed(3));
  }
  const path = `/trace/${encodeURIComponent(traceId)}`;
  return search.size === 0 ? path : `${path}?${search}`;
}

function parseZoom(from: string | null, to: string | null): TimeRange | undefined {
  if (from === null || to === null) return undefined;
  const zoom = { fromMs: Number(from), toMs: Number(to) };
  return Number.isFinite(zoom.fromMs) && zoom.toMs > zoom.fromMs ? zoom : undefined;
}

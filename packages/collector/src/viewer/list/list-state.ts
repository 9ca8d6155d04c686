import { type ListQuery, MAX_LISTED } from "../collector-api.ts";

/** Rows asked for at first, and added by each "Show more". */
export const PAGE_SIZE = 200;

/** The list's whole state, as the address bar holds it. */
export function parseListState(search: URLSearchParams): ListQuery {
  const limit = Number(search.get("limit"));
  return {
    q: search.get("q") ?? "",
    service: search.get("service") ?? "",
    errors: search.get("errors") === "true",
    minMs: Math.max(0, Number(search.get("minMs")) || 0),
    limit: Number.isSafeInteger(limit) && limit > 0 ? Math.min(limit, MAX_LISTED) : PAGE_SIZE,
  };
}

/** `/` or `/?q=…`; what equals the first view is left out. */
export function printListUrl(state: ListQuery): string {
  const search = new URLSearchParams();
  if (state.q !== "") search.set("q", state.q);
  if (state.service !== "") search.set("service", state.service);
  if (state.errors) search.set("errors", "true");
  if (state.minMs > 0) search.set("minMs", String(state.minMs));
  if (state.limit !== PAGE_SIZE) search.set("limit", String(state.limit));
  return search.size === 0 ? "/" : `/?${search}`;
}

/** The trace id in what was typed or pasted, be it bare, in a `traceparent` or in a link. */
export function findTraceId(text: string): string | undefined {
  return /(?:^|[^0-9a-f])([0-9a-f]{32})(?![0-9a-f])/i.exec(text)?.[1]?.toLowerCase();
}

export function isFiltered(state: ListQuery): boolean {
  return state.q !== "" || state.service !== "" || state.errors || state.minMs > 0;
}

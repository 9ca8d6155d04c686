import type { CollectorStats, TraceDocument, TraceList } from "@throughline/core";

/** Traces that the collector lists at most; it refuses to be asked for more. */
export const MAX_LISTED = 1000;

export interface ListQuery {
  readonly q: string;
  readonly service: string;
  readonly errors: boolean;
  /** Shorter traces are left out. */
  readonly minMs: number;
  readonly limit: number;
}

/** The collector's query API as the viewer uses it. */
export interface CollectorApi {
  listTraces(query: ListQuery, signal?: AbortSignal): Promise<TraceList>;
  /** `undefined` while the collector holds no span of that trace. */
  getTrace(traceId: string, signal?: AbortSignal): Promise<TraceDocument | undefined>;
  getStats(): Promise<CollectorStats>;
  clearTraces(): Promise<void>;
}

export function createCollectorApi(request: typeof fetch): CollectorApi {
  const get = async (path: string, signal?: AbortSignal): Promise<Response> => {
    const response = await request(path, { headers: { accept: "application/json" }, signal: signal ?? null });
    if (response.ok || response.status === 404) return response;
    throw new Error(failure(`GET ${path}`, response.status));
  };
  return {
    async listTraces(query, signal) {
      return (await get(`/api/traces?${listSearch(query)}`, signal)).json() as Promise<TraceList>;
    },
    async getTrace(traceId, signal) {
      const response = await get(`/api/traces/${encodeURIComponent(traceId)}`, signal);
      return response.ok ? (response.json() as Promise<TraceDocument>) : undefined;
    },
    async getStats() {
      return (await get("/api/stats")).json() as Promise<CollectorStats>;
    },
    async clearTraces() {
      // The collector refuses a bodiless simple request, so that no other site can clear it.
      const headers = { "content-type": "application/json" };
      const response = await request("/api/traces", { method: "DELETE", headers, body: "{}" });
      if (!response.ok) throw new Error(failure("DELETE /api/traces", response.status));
    },
  };
}

/** The query string of a list request. */
function listSearch(query: ListQuery): string {
  const search = new URLSearchParams({ limit: String(query.limit) });
  if (query.q !== "") search.set("q", query.q);
  if (query.service !== "") search.set("service", query.service);
  if (query.errors) search.set("errors", "true");
  if (query.minMs > 0) search.set("minMs", String(query.minMs));
  return search.toString();
}

function failure(what: string, status: number): string {
  return `@throughline/collector viewer: ${what} answered ${status}; see the collector's terminal`;
}

import type { CollectorStats, TraceList } from "@throughline/core";
import { mayRead } from "../access.ts";
import { linkTargetsOf } from "../store/link-targets.ts";
import type { LogStore } from "../store/log-store.ts";
import type { SpanStore, TraceFilter } from "../store/span-store.ts";
import { describeTrace } from "../store/summarize.ts";
import { errorResponse, jsonResponse, SAFE_HEADERS } from "./json-response.ts";

export interface QueryParts {
  readonly store: SpanStore;
  readonly logs: LogStore;
  readonly openStream: () => Response;
  readonly stats: () => CollectorStats;
}

const MAX_LIMIT = 1000;

/** Answers a request whose path starts with `/api`, for readers on the same origin only. */
export function answerQuery(parts: QueryParts, request: Request, url: URL): Response {
  if (!mayRead(request, url)) {
    const who = request.headers.get("origin") ?? "another site";
    return errorResponse(403, "forbidden", `a page of ${who} may not read traces; open ${url.origin} itself`);
  }
  const path = url.pathname.replace(/^\/api\//, "");
  if (path === "traces" && request.method === "DELETE") {
    parts.store.clear();
    parts.logs.clear();
    return new Response(null, { status: 204, headers: SAFE_HEADERS });
  }
  if (request.method !== "GET") return wrongMethod(request, url, path === "traces" ? "GET, DELETE" : "GET");
  if (path === "traces") return listTraces(parts.store, url);
  if (path === "stream") return parts.openStream();
  if (path === "stats") return jsonResponse(parts.stats());
  const traceId = /^traces\/([0-9a-f]{32})$/i.exec(path)?.[1];
  if (traceId !== undefined) return oneTrace(parts, traceId.toLowerCase());
  return errorResponse(404, "not_found", `there is no ${url.pathname}; see GET /api/traces`);
}

function listTraces(store: SpanStore, url: URL): Response {
  const limit = url.searchParams.get("limit");
  if (limit !== null && !isLimit(limit)) {
    return errorResponse(
      400,
      "bad_request",
      `limit=${limit}: expected a whole number from 1 to ${MAX_LIMIT}`,
    );
  }
  const minMs = Number(url.searchParams.get("minMs") ?? 0);
  if (!(minMs >= 0)) return errorResponse(400, "bad_request", "minMs: expected milliseconds, 0 or more");
  const filter: TraceFilter = {
    limit: limit === null ? undefined : Number(limit),
    service: url.searchParams.get("service") || undefined,
    q: url.searchParams.get("q")?.trim() || undefined,
    test: url.searchParams.get("test") || undefined,
    errors: url.searchParams.get("errors") === "true",
    minMs,
  };
  const answer: TraceList = { traces: store.list(filter) };
  return jsonResponse(answer);
}

function oneTrace({ store, logs }: QueryParts, traceId: string): Response {
  const spans = store.getTrace(traceId);
  if (spans.length > 0) {
    const linkTargets = linkTargetsOf(spans, store.getTrace);
    return jsonResponse(
      describeTrace(spans, { linkedFrom: store.linksTo(traceId), linkTargets, logs: logs.of(traceId) }),
    );
  }
  return errorResponse(
    404,
    "not_found",
    `no span of trace ${traceId} is stored; it was evicted, or never arrived`,
  );
}

function wrongMethod(request: Request, url: URL, allow: string): Response {
  const response = errorResponse(
    405,
    "method_not_allowed",
    `${request.method} ${url.pathname}: only ${allow} is answered`,
  );
  response.headers.set("allow", allow);
  return response;
}

function isLimit(text: string): boolean {
  return /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_LIMIT;
}

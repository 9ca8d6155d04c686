import type { CollectorStats, LogLine } from "@throughline/core";
import { exportHeaders, mayExport, preflightHeaders } from "../access.ts";
import type { SpanStore } from "../store/span-store.ts";
import { countJsonMetrics, countProtobufMetrics } from "./count-metrics.ts";
import { decodeJsonTraces, parseJsonBody } from "./decode-json.ts";
import { decodeJsonLogs } from "./decode-logs-json.ts";
import { decodeProtobufLogs } from "./decode-logs-protobuf.ts";
import { decodeProtobufTraces } from "./decode-protobuf.ts";
import { createIntern } from "./intern.ts";
import { BodyError, readBody } from "./request-body.ts";
import {
  CONTENT_TYPES,
  type Encoding,
  encodeStatus,
  encodeSuccess,
  type PartialSuccess,
  RPC,
} from "./responses.ts";
import { DecodeError } from "./span-draft.ts";

export interface Ingest {
  /** Answers a request whose path starts with `/v1`. */
  handle(request: Request, url: URL): Promise<Response>;
  counts(): Pick<CollectorStats, "rejectedSpans" | "droppedBySenders" | "logRecords" | "metricPoints">;
}

export interface IngestOptions {
  readonly store: SpanStore;
  /** Gets the lines of a request that belong to traces. */
  readonly takeLogs: (lines: readonly LogLine[]) => void;
  readonly maxBodyBytes: number;
  readonly allowedOrigins: readonly string[];
}

type Signal = "traces" | "logs" | "metrics";

const REJECTED_FIELDS = {
  traces: "rejectedSpans",
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
} as const;

/** The OTLP/HTTP receiver: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
export function createIngest(options: IngestOptions): Ingest {
  const { store } = options;
  const intern = createIntern();
  const counts = { rejectedSpans: 0, droppedBySenders: 0, logRecords: 0, metricPoints: 0 };

  const takeTraces = (encoding: Encoding, body: Uint8Array): PartialSuccess | undefined => {
    const decoded =
      encoding === "json"
        ? decodeJsonTraces(parseJsonBody(body), intern)
        : decodeProtobufTraces(body, intern);
    const { refused } = store.upsert(decoded.spans);
    const rejected = decoded.rejected + refused;
    counts.rejectedSpans += rejected;
    counts.droppedBySenders += decoded.droppedBySender;
    const full = refused > 0 ? [`${refused} spans belong to traces that are full`] : [];
    const problems = [...decoded.problems, ...full];
    return problems.length === 0 ? undefined : { rejected, message: `throughline: ${problems.join("; ")}` };
  };

  const takeLogs = (encoding: Encoding, body: Uint8Array): undefined => {
    const { count, lines } =
      encoding === "json" ? decodeJsonLogs(parseJsonBody(body), intern) : decodeProtobufLogs(body, intern);
    counts.logRecords += count;
    options.takeLogs(lines);
  };

  const take = (signal: Signal, encoding: Encoding, body: Uint8Array): PartialSuccess | undefined => {
    if (signal === "traces") return takeTraces(encoding, body);
    if (signal === "logs") return takeLogs(encoding, body);
    counts.metricPoints +=
      encoding === "json" ? countJsonMetrics(parseJsonBody(body)) : countProtobufMetrics(body);
    return undefined;
  };

  const accept = async (request: Request, signal: Signal, encoding: Encoding): Promise<Response> => {
    const body = await readBody(request, options.maxBodyBytes);
    const partial = take(signal, encoding, body);
    return answer(200, encoding, encodeSuccess(encoding, REJECTED_FIELDS[signal], partial));
  };

  return {
    async handle(request, url) {
      const origin = request.headers.get("origin");
      const allowed = origin === null || mayExport(origin, options.allowedOrigins);
      const response = allowed
        ? await route(request, url, accept)
        : failure(
            request,
            403,
            `pages of ${origin} may not send spans here; add the origin to allowedOrigins`,
          );
      return withHeaders(response, exportHeaders(allowed ? origin : null));
    },
    counts: () => counts,
  };
}

/** An OTLP error: a `google.rpc.Status` in the encoding of the request. */
export function failure(request: Request, status: number, message: string): Response {
  const encoding = encodingOf(request) ?? "json";
  const text = message.startsWith("throughline: ") ? message : `throughline: ${message}`;
  return answer(status, encoding, encodeStatus(encoding, rpcCode(status), text));
}

async function route(
  request: Request,
  url: URL,
  accept: (request: Request, signal: Signal, encoding: Encoding) => Promise<Response>,
): Promise<Response> {
  const signal = signalOf(url);
  if (signal === undefined) {
    return failure(
      request,
      404,
      `${url.pathname} is not an OTLP path; use /v1/traces, /v1/logs or /v1/metrics`,
    );
  }
  const origin = request.headers.get("origin");
  if (request.method === "OPTIONS") {
    return new Response(null, { status: 204, headers: origin === null ? {} : preflightHeaders(origin) });
  }
  if (request.method !== "POST") {
    const refused = failure(request, 405, `${request.method} ${url.pathname}: OTLP is sent with POST`);
    return withHeaders(refused, { allow: "POST, OPTIONS" });
  }
  const encoding = encodingOf(request);
  if (encoding === undefined) {
    const type = request.headers.get("content-type") ?? "none";
    return failure(request, 415, `content-type ${type}: send application/json or application/x-protobuf`);
  }
  try {
    return await accept(request, signal, encoding);
  } catch (error) {
    return refuse(request, error);
  }
}

function refuse(request: Request, error: unknown): Response {
  if (error instanceof BodyError) return failure(request, error.status, error.message);
  if (error instanceof DecodeError) return failure(request, 400, error.message);
  // What is left is the store: a full disk, a lock. The sender keeps its spans and tries again.
  const reason = error instanceof Error ? error.message : String(error);
  return withHeaders(
    failure(request, 503, `the spans could not be stored (${reason}); they may be sent again`),
    {
      "retry-after": "1",
    },
  );
}

function signalOf(url: URL): Signal | undefined {
  const match = /^\/v1\/(traces|logs|metrics)\/?$/.exec(url.pathname);
  return match?.[1] as Signal | undefined;
}

function encodingOf(request: Request): Encoding | undefined {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type === CONTENT_TYPES.json) return "json";
  return type === CONTENT_TYPES.protobuf ? "protobuf" : undefined;
}

function rpcCode(status: number): number {
  if (status === 413) return RPC.resourceExhausted;
  if (status === 403 || status === 421) return RPC.permissionDenied;
  if (status === 404 || status === 405) return RPC.unimplemented;
  return status >= 500 ? RPC.unavailable : RPC.invalidArgument;
}

function answer(status: number, encoding: Encoding, body: Uint8Array): Response {
  const headers = { "content-type": CONTENT_TYPES[encoding], "content-length": String(body.length) };
  return new Response(body, { status, headers });
}

function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

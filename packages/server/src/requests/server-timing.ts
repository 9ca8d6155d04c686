import type { ServerResponse } from "node:http";
import type { SpanContext } from "@opentelemetry/api";
import { TraceFlags } from "@opentelemetry/api";
import { printTraceparent } from "@throughline/core";

/**
 * Tells the browser which trace made this response: `traceparent;desc="00-…-01", tsrv;desc="<epoch ms>"`. The time
 * lets it refuse an entry that a cache kept with the document. https://www.w3.org/TR/server-timing/
 */
export function appendServerTiming(response: ServerResponse, span: SpanContext, nowMs: number): void {
  // It stands there already where an HTTP instrumentation has opened the SERVER span.
  if (response.headersSent || String(response.getHeader("Server-Timing")).includes("traceparent;")) return;
  const traceparent = printTraceparent({
    traceId: span.traceId,
    spanId: span.spanId,
    sampled: (span.traceFlags & TraceFlags.SAMPLED) !== 0,
  });
  response.appendHeader(
    "Server-Timing",
    `traceparent;desc="${traceparent}", tsrv;desc="${Math.round(nowMs)}"`,
  );
}

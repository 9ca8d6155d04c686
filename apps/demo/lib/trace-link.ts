import { TraceFlags, trace } from "@opentelemetry/api";
import type { TraceLink } from "./orders-api.ts";

/** The link to the trace this request belongs to; empty if nothing records it. */
export function currentTraceLink(): TraceLink {
  const context = trace.getActiveSpan()?.spanContext();
  if (context === undefined || (context.traceFlags & TraceFlags.SAMPLED) === 0) return {};
  const viewer = process.env.THROUGHLINE_VIEWER_URL;
  const { traceId } = context;
  return viewer ? { traceId, traceUrl: `${viewer.replace(/\/$/, "")}/trace/${traceId}` } : { traceId };
}

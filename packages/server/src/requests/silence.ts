import type { Context } from "@opentelemetry/api";
import { isTracingSuppressed, suppressTracing } from "@opentelemetry/core";

/**
 * Whether what runs in this context makes no spans, no metrics and no outbound headers, because it serves a request
 * that is noise. OpenTelemetry's own mark, so that instrumentations we did not write keep to it too.
 */
export function isSilenced(context: Context): boolean {
  return isTracingSuppressed(context);
}

/** The context in which a request that is noise is served. */
export function silence(context: Context): Context {
  return suppressTracing(context);
}

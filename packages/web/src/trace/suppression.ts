import { type Context, createContextKey } from "@opentelemetry/api";

// The key of `@opentelemetry/core`: what suppresses the SDK's tracers suppresses ours, and the other way round.
const SUPPRESSED = createContextKey("OpenTelemetry SDK Context Key SUPPRESS_TRACING");

/** A context in which no tracer makes spans. */
export function suppressTracing(parent: Context): Context {
  return parent.setValue(SUPPRESSED, true);
}

export function isSuppressed(context: Context): boolean {
  return !!context.getValue(SUPPRESSED);
}

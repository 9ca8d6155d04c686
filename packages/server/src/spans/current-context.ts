import { type Context, context, type SpanContext, trace } from "@opentelemetry/api";
import { processState } from "../process-state.ts";

/** What is current for spans of ours: OpenTelemetry's context, or our own in mode "isolate". */
export function activeContext(): Context {
  const { isolated } = processState();
  return (isolated?.contexts ?? context).active();
}

/** Runs `run` with `current` as what {@link activeContext} gives. */
export function withContext<T>(current: Context, run: () => T): T {
  const { isolated } = processState();
  return (isolated?.contexts ?? context).with(current, run);
}

export function activeSpanContext(): SpanContext | undefined {
  return trace.getSpanContext(activeContext());
}

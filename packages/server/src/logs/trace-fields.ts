import { isSpanContextValid, type SpanContext } from "@opentelemetry/api";
import { activeSpanContext } from "../spans/current-context.ts";

/** https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/ */
export interface TraceFields {
  readonly trace_id: string;
  readonly span_id: string;
  /** `01`: the trace is exported. */
  readonly trace_flags: string;
}

/** The ids of the span that is current here, for a line of a log; no keys at all outside of a trace. */
export function traceFields(): TraceFields | Record<string, never> {
  const span = activeSpanContext();
  return span && isSpanContextValid(span) ? fieldsOf(span) : {};
}

export function fieldsOf({ traceId, spanId, traceFlags }: SpanContext): TraceFields {
  return { trace_id: traceId, span_id: spanId, trace_flags: traceFlags.toString(16).padStart(2, "0") };
}

/** The keys of {@link TraceFields} in a line that has them; what is no span is left out. */
export function spanOf(line: Readonly<Record<string, unknown>>): SpanContext | undefined {
  const { trace_id: traceId, span_id: spanId, trace_flags: flags } = line;
  if (typeof traceId !== "string" || typeof spanId !== "string") return undefined;
  const span = { traceId, spanId, traceFlags: Number.parseInt(String(flags), 16) || 0 };
  return isSpanContextValid(span) ? span : undefined;
}

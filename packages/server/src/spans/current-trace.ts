import { isSpanContextValid, TraceFlags } from "@opentelemetry/api";
import { printTraceparent } from "@throughline/core";
import { activeSpanContext } from "./current-context.ts";

/** Where this code runs, for links to a viewer, error reports and headers that are written by hand. */
export interface CurrentTrace {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Whether its spans are exported. */
  readonly sampled: boolean;
  /** Both ids as the header has them: https://www.w3.org/TR/trace-context/#traceparent-header */
  readonly traceparent: string;
}

/** The trace and span that are current here; `undefined` outside of any. */
export function currentTrace(): CurrentTrace | undefined {
  const span = activeSpanContext();
  if (!span || !isSpanContextValid(span)) return undefined;
  const { traceId, spanId } = span;
  const sampled = (span.traceFlags & TraceFlags.SAMPLED) !== 0;
  return { traceId, spanId, sampled, traceparent: printTraceparent({ traceId, spanId, sampled }) };
}

import { type SpanContext, TraceFlags } from "@opentelemetry/api";
import { isKept } from "./trace/trace-share.ts";

/** Whether a span of this trace is kept. */
export type Sampler = (traceId: string, parent: SpanContext | undefined) => boolean;

/** Does as the parent does; a new trace is kept with the given share. */
export function createSampler(ratio: number): Sampler {
  return (traceId, parent) =>
    parent ? (parent.traceFlags & TraceFlags.SAMPLED) > 0 : isKept(traceId, ratio);
}

import { type SpanContext, TraceFlags } from "@opentelemetry/api";

/** Whether a span of this trace is kept. */
export type Sampler = (traceId: string, parent: SpanContext | undefined) => boolean;

/**
 * Does as the parent does; a new trace is kept with the given share, decided by its id in the same way as
 * OpenTelemetry's `TraceIdRatioBasedSampler`, so that a server with the same share keeps the same traces.
 */
export function createSampler(ratio: number): Sampler {
  const bound = Math.floor(ratio * 0xffffffff);
  return (traceId, parent) =>
    parent ? (parent.traceFlags & TraceFlags.SAMPLED) !== 0 : ratio === 1 || rank(traceId) < bound;
}

/** A number below 2^32 from all of the id. */
function rank(traceId: string): number {
  const parts = traceId.match(/.{8}/g) ?? [];
  return parts.reduce((sum, part) => (sum ^ Number.parseInt(part, 16)) >>> 0, 0);
}

import { type Context, TraceFlags, trace } from "@opentelemetry/api";
import { type Sampler, SamplingDecision } from "@opentelemetry/sdk-trace-base";

/**
 * Does as the parent does; a new trace is kept with the given share, decided by its id in the same way as
 * OpenTelemetry's `TraceIdRatioBasedSampler`, so that a server with the same share keeps the same traces.
 */
export function createSampler(ratio: number): Sampler {
  const bound = Math.floor(ratio * 0xffffffff);
  return {
    shouldSample(context: Context, traceId: string) {
      const parent = trace.getSpanContext(context);
      const keep = parent
        ? (parent.traceFlags & TraceFlags.SAMPLED) !== 0
        : ratio === 1 || rank(traceId) < bound;
      return { decision: keep ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
    },
    toString: () => String(ratio),
  };
}

/** A number below 2^32 from all of the id. */
function rank(traceId: string): number {
  const parts = traceId.match(/.{8}/g) ?? [];
  return parts.reduce((sum, part) => (sum ^ Number.parseInt(part, 16)) >>> 0, 0);
}

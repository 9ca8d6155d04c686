import { SpanKind } from "@opentelemetry/api";
import { type Sampler, SamplingDecision } from "@opentelemetry/sdk-trace-base";
import { NOISE } from "../requests/sampler.ts";

/**
 * Lets SERVER spans that are not kept be recorded all the same: durations are of every request, not of the sampled
 * ones. Such a span is not exported, and its `traceparent` says 00 as before.
 */
export function recordRequests(sampler: Sampler): Sampler {
  return {
    shouldSample(...parameters): ReturnType<Sampler["shouldSample"]> {
      const result = sampler.shouldSample(...parameters);
      const kind = parameters[3];
      const isKept = result.decision !== SamplingDecision.NOT_RECORD;
      if (kind !== SpanKind.SERVER || isKept || result === NOISE) return result;
      return { ...result, decision: SamplingDecision.RECORD };
    },
    toString: () => `recording(${sampler.toString()})`,
  };
}

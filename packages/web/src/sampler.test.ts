import { ROOT_CONTEXT, SamplingDecision, TraceFlags } from "@opentelemetry/api";
import { RandomIdGenerator, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { createSampler } from "./sampler.ts";

const ids = new RandomIdGenerator();

/** What upstream's sampler says to a new trace. */
function upstreamKeeps(ratio: number, traceId: string): boolean {
  const { decision } = new TraceIdRatioBasedSampler(ratio).shouldSample(ROOT_CONTEXT, traceId);
  return decision === SamplingDecision.RECORD_AND_SAMPLED;
}

test.each([0, 0.1, 0.5, 0.999, 1])(
  "with ratio %d it keeps the traces that upstream's sampler keeps",
  (ratio) => {
    const keeps = createSampler(ratio);
    for (let index = 0; index < 500; index++) {
      const traceId = ids.generateTraceId();
      expect(keeps(traceId, undefined)).toBe(upstreamKeeps(ratio, traceId));
    }
  },
);

test.each([
  [TraceFlags.SAMPLED, 0, true],
  [TraceFlags.NONE, 1, false],
])("a parent with flags %i decides, whatever the ratio is", (traceFlags, ratio, kept) => {
  const traceId = ids.generateTraceId();
  expect(createSampler(ratio)(traceId, { traceId, spanId: ids.generateSpanId(), traceFlags })).toBe(kept);
});

import { ROOT_CONTEXT, SamplingDecision, TraceFlags, trace } from "@opentelemetry/api";
import { RandomIdGenerator, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { createSampler } from "./sampler.ts";

const ids = new RandomIdGenerator();
const decide = (ratio: number, traceId: string, context = ROOT_CONTEXT) =>
  createSampler(ratio).shouldSample(context, traceId, "GET", 0, {}, []).decision;

test.each([0, 0.1, 0.5, 0.999, 1])(
  "with ratio %d it keeps the traces that upstream's sampler keeps",
  (ratio) => {
    const upstream = new TraceIdRatioBasedSampler(ratio);
    for (let index = 0; index < 500; index++) {
      const traceId = ids.generateTraceId();
      expect(decide(ratio, traceId)).toBe(upstream.shouldSample(ROOT_CONTEXT, traceId).decision);
    }
  },
);

test.each([
  [TraceFlags.SAMPLED, 0, SamplingDecision.RECORD_AND_SAMPLED],
  [TraceFlags.NONE, 1, SamplingDecision.NOT_RECORD],
])("a parent with flags %i decides, whatever the ratio is", (traceFlags, ratio, expected) => {
  const traceId = ids.generateTraceId();
  const context = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: ids.generateSpanId(), traceFlags });
  expect(decide(ratio, traceId, context)).toBe(expected);
});

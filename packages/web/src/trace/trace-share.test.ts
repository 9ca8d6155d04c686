import { ROOT_CONTEXT, SamplingDecision } from "@opentelemetry/api";
import { TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { isKept, newKeptTraceId } from "./trace-share.ts";

test.each([0.0001, 0.01, 0.1, 0.5, 0.999, 1])(
  "with a share of %d a kept session's trace ids are ids that upstream's sampler keeps, all different",
  (ratio) => {
    const upstream = new TraceIdRatioBasedSampler(ratio);
    const ids = Array.from({ length: 500 }, () => newKeptTraceId(ratio));
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(isKept(id, ratio)).toBe(true);
      expect(upstream.shouldSample(ROOT_CONTEXT, id).decision).toBe(SamplingDecision.RECORD_AND_SAMPLED);
    }
    expect(new Set(ids).size).toBe(ids.length);
  },
);

import { context, ROOT_CONTEXT, type SpanContext, SpanKind, TraceFlags, trace } from "@opentelemetry/api";
import { BasicTracerProvider, SamplingDecision } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { createSampler, type SamplerOptions } from "./sampler.ts";

const LOW = "00000000000000000000000000000001"; // below every ratio but 0
const HIGH = "ffffffff000000000000000000000000"; // above every ratio but 1

function sampled(
  options: Partial<SamplerOptions>,
  span: { parent?: SpanContext; traceId?: string; kind?: SpanKind; attributes?: Record<string, string> } = {},
): boolean {
  const sampler = createSampler({
    name: "",
    ratio: 1,
    paths: { basePath: "", ingestPath: "/api/tl" },
    trustsCaller: false,
    ...options,
  });
  const parent = span.parent ? trace.setSpanContext(ROOT_CONTEXT, span.parent) : ROOT_CONTEXT;
  const traceId = span.parent?.traceId ?? span.traceId ?? LOW;
  const result = sampler.shouldSample(
    parent,
    traceId,
    "a",
    span.kind ?? SpanKind.SERVER,
    span.attributes ?? {},
    [],
  );
  return result.decision === SamplingDecision.RECORD_AND_SAMPLED;
}

function remote(traceId: string, traceFlags: TraceFlags): SpanContext {
  return { traceId, spanId: "00000000000000aa", traceFlags, isRemote: true };
}

test.each(["/api/tl/v1/traces", "/shop/api/tl/v1/traces?x=1", "/api/tl/flush", "/_next/static/a.js"])(
  "a request to %s makes no span",
  (target) => {
    expect(sampled({}, { attributes: { "http.target": target } })).toBe(false);
    expect(sampled({ name: "always_on" }, { attributes: { "http.target": target } })).toBe(false);
  },
);

test("a page whose path only looks like the ingest route is traced", () => {
  expect(sampled({}, { attributes: { "http.target": "/api/tlc/v1/traces-of-tea" } })).toBe(true);
});

test("a probe that came before its head could be seen is left out by its path", () => {
  const isUnseenNoise = (target: string): boolean => target === "/healthz";
  expect(sampled({ isUnseenNoise }, { attributes: { "http.target": "/healthz" } })).toBe(false);
  expect(sampled({ isUnseenNoise }, { attributes: { "http.target": "/orders" } })).toBe(true);
});

test("a request of the app to a path like that is no request to it", () => {
  expect(sampled({}, { kind: SpanKind.CLIENT, attributes: { "url.path": "/_next/image" } })).toBe(true);
});

test.each(["", "always_on"] as const)("what runs below a dropped request is dropped too (%s)", (name) => {
  const provider = new BasicTracerProvider({
    sampler: createSampler({
      name,
      ratio: 1,
      paths: { basePath: "", ingestPath: "/api/tl" },
      trustsCaller: false,
    }),
  });
  const tracer = provider.getTracer("test");
  const request = tracer.startSpan("POST", {
    kind: SpanKind.SERVER,
    attributes: { "http.target": "/api/tl/v1/traces" },
  });
  const child = tracer.startSpan("executing api route", {}, trace.setSpan(context.active(), request));
  expect(child.isRecording()).toBe(false);
});

test("a stranger's sampled flag does not raise the app above its own rate", () => {
  expect(sampled({ ratio: 0.1 }, { parent: remote(HIGH, TraceFlags.SAMPLED) })).toBe(false);
  expect(sampled({ ratio: 0.1, trustsCaller: true }, { parent: remote(HIGH, TraceFlags.SAMPLED) })).toBe(
    true,
  );
});

test("nor above a rate of nothing", () => {
  const asked = { parent: remote(LOW, TraceFlags.SAMPLED) };
  expect(sampled({ name: "parentbased_always_off" }, asked)).toBe(false);
  expect(sampled({ name: "parentbased_always_off", trustsCaller: true }, asked)).toBe(true);
});

test("a browser that keeps the same share agrees with the server about every trace", () => {
  expect(sampled({ ratio: 0.1 }, { parent: remote(LOW, TraceFlags.SAMPLED) })).toBe(true);
});

test("an unsampled caller is followed: a prefetch makes no trace", () => {
  expect(sampled({}, { parent: remote(LOW, TraceFlags.NONE) })).toBe(false);
  expect(sampled({ trustsCaller: true }, { parent: remote(LOW, TraceFlags.NONE) })).toBe(false);
});

test("OTEL_TRACES_SAMPLER chooses the sampler by its name", () => {
  expect(sampled({ name: "always_off" })).toBe(false);
  expect(sampled({ name: "parentbased_always_off" })).toBe(false);
  expect(sampled({ name: "parentbased_always_on", ratio: 0 }, { traceId: HIGH })).toBe(true);
  expect(sampled({ name: "traceidratio", ratio: 0.1 }, { traceId: HIGH })).toBe(false);
});

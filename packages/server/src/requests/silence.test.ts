import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  SpanKind,
  trace,
} from "@opentelemetry/api";
import { AlwaysOnSampler, BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { createPropagator } from "../outbound/propagator.ts";
import { isSilenced } from "./silence.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function takeIn(servesNoise: boolean) {
  const propagator = createPropagator({
    propagators: ["tracecontext", "baggage"],
    trust: undefined,
    acceptBaggage: [],
    servesNoise: () => servesNoise,
  });
  const incoming = propagator.extract(ROOT_CONTEXT, { traceparent: TRACEPARENT }, defaultTextMapGetter);
  const tracer = new BasicTracerProvider({ sampler: new AlwaysOnSampler() }).getTracer("next.js");
  const server = tracer.startSpan("GET", { kind: SpanKind.SERVER }, incoming);
  const below = trace.setSpan(incoming, server);
  const child = tracer.startSpan("SELECT", { kind: SpanKind.CLIENT }, below);
  const root = tracer.startSpan("job", { root: true }, below);
  const headers: Record<string, string> = {};
  propagator.inject(trace.setSpan(below, child), headers, defaultTextMapSetter);
  return { spans: [server, child, root].map((span) => span.isRecording()), headers, context: below };
}

test("a request that is noise makes no span, no child, no root and no header, whatever its caller and the sampler say", () => {
  const { spans, headers, context } = takeIn(true);
  expect(spans).toEqual([false, false, false]);
  expect(headers).toEqual({});
  expect(isSilenced(context)).toBe(true);
});

test("any other request continues its caller's trace", () => {
  const { spans, headers, context } = takeIn(false);
  expect(spans).toEqual([true, true, true]);
  expect(headers.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-\w{16}-01$/);
  expect(isSilenced(context)).toBe(false);
});

import { context, isSpanContextValid, trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { expect, test, vi } from "vitest";
import { currentTrace } from "./current-trace.ts";
import { traced } from "./traced.ts";
import { withSpan } from "./with-span.ts";

test("where nothing is traced the function runs with an inert span, and its very result comes back", () => {
  const startSpan = vi.spyOn(context, "with");
  const promise = Promise.resolve(1);
  expect(withSpan("off", () => promise)).toBe(promise);
  expect(withSpan("off", (span) => span.isRecording() || isSpanContextValid(span.spanContext()))).toBe(false);
  expect(traced(() => promise)()).toBe(promise);
  expect(startSpan).not.toHaveBeenCalled();
  startSpan.mockRestore();
});

test("where nothing is traced there is no current trace", () => {
  expect(withSpan("off", () => currentTrace())).toBeUndefined();
});

test("a provider that is registered later, by whomever, is used from then on", () => {
  const exporter = new InMemorySpanExporter();
  const work = traced("work", () => withSpan("part", () => 1));
  work();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  work();
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["part", "work"]);
  trace.disable();
  work();
  expect(exporter.getFinishedSpans()).toHaveLength(2);
});

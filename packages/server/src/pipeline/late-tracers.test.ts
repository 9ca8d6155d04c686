// What Next.js's own modules expect to find.
import "next/dist/server/node-environment-baseline.js";

import { trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { workUnitAsyncStorage } from "next/dist/server/app-render/work-unit-async-storage.external.js";
import { afterRegistration } from "next/dist/server/lib/router-utils/instrumentation-node-extensions.js";
import { afterAll, expect, test } from "vitest";
import { lateTracers } from "./late-tracers.ts";

afterAll(() => trace.disable());

test("a tracer that an instrument fetched inside register opens its spans outside of a prerender", () => {
  const units: unknown[] = [];
  const ids = { generateTraceId: () => "a".repeat(32), generateSpanId: () => "b".repeat(16) };
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(exporter)],
      idGenerator: {
        ...ids,
        generateSpanId: () => {
          units.push(workUnitAsyncStorage.getStore());
          return ids.generateSpanId();
        },
      },
    }),
  );
  const early = trace.getTracer("early");
  const late = lateTracers().getTracer("late", "1.0.0");
  // What Next.js does when `register` has returned.
  afterRegistration();

  const prerender = { type: "prerender" } as NonNullable<ReturnType<typeof workUnitAsyncStorage.getStore>>;
  const inside = workUnitAsyncStorage.run(prerender, () => {
    late.startSpan("one").end();
    return late.startActiveSpan("two", (span) => {
      span.end();
      return workUnitAsyncStorage.getStore();
    });
  });
  expect(units).toEqual([undefined, undefined]);
  expect(inside).toBe(prerender);
  expect(
    exporter.getFinishedSpans().map(({ name, instrumentationScope }) => [name, instrumentationScope.name]),
  ).toEqual([
    ["one", "late"],
    ["two", "late"],
  ]);
  // The reason for all this: should Next.js reach these too one day, it can go.
  workUnitAsyncStorage.run(prerender, () => early.startSpan("three").end());
  expect(units.at(-1)).toBe(prerender);
});

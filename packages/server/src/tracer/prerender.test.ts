// What Next.js's own modules expect to find.
import "next/dist/server/node-environment-baseline.js";

import { context, trace } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import { AlwaysOnSampler, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { workUnitAsyncStorage } from "next/dist/server/app-render/work-unit-async-storage.external.js";
import { afterEach, expect, test, vi } from "vitest";
import { createContextStorage } from "../context-storage.ts";
import { createTracerProvider } from "./tracer.ts";

afterEach(() => {
  vi.restoreAllMocks();
  trace.disable();
  context.disable();
});

// Next.js exempts the tracers that are fetched after `register`; what instruments fetch theirs inside it:
// https://github.com/vercel/next.js/issues/94753
test("a tracer that nobody exempts takes neither numbers nor the time inside a prerender", () => {
  context.setGlobalContextManager(createContextStorage<string>().manager);
  const inside: string[] = [];
  const watch = (what: string): void => {
    if (workUnitAsyncStorage.getStore()) inside.push(what);
  };
  const { now } = Date;
  vi.spyOn(Date, "now").mockImplementation(() => {
    watch("Date.now");
    return now();
  });
  const { random } = Math;
  vi.spyOn(Math, "random").mockImplementation(() => {
    watch("Math.random");
    return random();
  });
  const ended: ReadableSpan[] = [];
  const none = (): Promise<void> => Promise.resolve();
  const tracer = createTracerProvider({
    sampler: new AlwaysOnSampler(),
    processor: {
      onStart: () => undefined,
      onEnd: (span) => ended.push(span),
      forceFlush: none,
      shutdown: none,
    },
    resource: emptyResource(),
    limits: { attributes: 10, valueLength: 1000, events: 10, links: 10 },
  }).getTracer("early");
  const prerender = { type: "prerender" } as NonNullable<ReturnType<typeof workUnitAsyncStorage.getStore>>;
  workUnitAsyncStorage.run(prerender, () => {
    expect(Date.now()).toBeGreaterThan(0);
    tracer.startActiveSpan("root", (span) => {
      tracer.startSpan("child").recordException(new Error("x"));
      span.addEvent("event").end();
    });
  });
  // The test's own.
  expect(inside).toEqual(["Date.now"]);
  expect(ended).toHaveLength(1);
});

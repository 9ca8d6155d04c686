import { ROOT_CONTEXT } from "@opentelemetry/api";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { createInteractionLife } from "./interaction-life.ts";

/** Timers that run when the test says so. */
function createTimers() {
  const timers = new Map<() => void, number>();
  return {
    later(run: () => void, ms: number) {
      timers.set(run, ms);
      return () => timers.delete(run);
    },
    elapse(ms: number) {
      for (const [run, due] of [...timers]) {
        if (due > ms) continue;
        timers.delete(run);
        run();
      }
    },
  };
}

function createInteraction() {
  const timers = createTimers();
  const life = createInteractionLife((run, ms) => {
    const cancel = timers.later(run, ms);
    return () => {
      cancel();
    };
  });
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    spanProcessors: [
      {
        onStart: life.onStart,
        onEnd: life.onEnd,
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
      new SimpleSpanProcessor(exporter),
    ],
  });
  const tracer = provider.getTracer("test");
  const context = life.begin(tracer.startSpan("click", {}, ROOT_CONTEXT));
  const startChild = (name: string) => tracer.startSpan(name, {}, context);
  const finished = () =>
    exporter.getFinishedSpans().map(({ name, attributes }) => [name, attributes["throughline.ended_by"]]);
  return { life, timers, context, startChild, finished, exporter };
}

test("it ends after a quiet time, with the end of its last child", () => {
  const { timers, startChild, finished, exporter } = createInteraction();
  const first = startChild("first");
  const second = startChild("second");
  second.end([2_000_000_000, 7]);
  first.end([2_000_000_000, 5]);
  expect(finished()).toHaveLength(2);
  timers.elapse(100);
  expect(finished()).toContainEqual(["click", undefined]);
  expect(exporter.getFinishedSpans().at(-1)?.endTime).toEqual([2_000_000_000, 7]);
});

test("a child within the quiet time keeps it open", () => {
  const { timers, startChild, finished } = createInteraction();
  startChild("first").end();
  const second = startChild("second");
  timers.elapse(100);
  expect(finished()).toEqual([["first", undefined]]);
  second.end();
  timers.elapse(100);
  expect(finished()).toContainEqual(["click", undefined]);
});

test("children that never end are given up at the deadline", () => {
  const { timers, startChild, finished } = createInteraction();
  const child = startChild("endless");
  timers.elapse(9999);
  expect(finished()).toEqual([]);
  timers.elapse(10_000);
  child.end();
  timers.elapse(10_000);
  expect(finished()).toEqual([
    ["click", "deadline"],
    ["endless", undefined],
  ]);
});

test("a child that stays open and is released is waited for no longer, and its end changes nothing", () => {
  const { life, timers, startChild, finished } = createInteraction();
  const stream = startChild("stream");
  startChild("other").end();
  timers.elapse(100);
  expect(finished()).toEqual([["other", undefined]]);
  life.release(stream);
  timers.elapse(100);
  expect(finished()).toEqual([
    ["other", undefined],
    ["click", undefined],
  ]);
  stream.end();
  timers.elapse(10_000);
  expect(finished()).toEqual([
    ["other", undefined],
    ["click", undefined],
    ["stream", undefined],
  ]);
});

test("without children it never ends, and it is open for a second", () => {
  const { life, timers, context, finished } = createInteraction();
  expect(life.only()).toBe(context);
  timers.elapse(1000);
  expect(life.only()).toBeUndefined();
  timers.elapse(60_000);
  life.settle();
  life.cut("pagehide")();
  expect(finished()).toEqual([]);
});

test("a late child opens it again", () => {
  const { life, timers, context, startChild, finished } = createInteraction();
  timers.elapse(1000);
  const child = startChild("late");
  expect(life.only()).toBe(context);
  child.end();
  timers.elapse(100);
  expect(finished()).toEqual([
    ["late", undefined],
    ["click", undefined],
  ]);
});

test("settle does not wait, and leaves open work alone", () => {
  const { life, startChild, finished } = createInteraction();
  const child = startChild("open");
  life.settle();
  expect(finished()).toEqual([]);
  child.end();
  life.settle();
  expect(finished()).toContainEqual(["click", undefined]);
});

test("a click that left the page is no guess for what the page does when it comes back", () => {
  const { life, context, startChild, finished } = createInteraction();
  expect(life.only()).toBe(context);
  life.cut("pagehide")();
  expect(life.only()).toBeUndefined();
  // Work that knows its click still finds it.
  startChild("late").end();
  life.settle();
  expect(finished()).toEqual([
    ["late", undefined],
    ["click", undefined],
  ]);
});

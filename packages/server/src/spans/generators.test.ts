import { SpanStatusCode, trace } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { recordSpans } from "../../test/record-spans.ts";
import { withSpan } from "./with-span.ts";

const exporter = recordSpans();

const activeSpanId = () => trace.getActiveSpan()?.spanContext().spanId;

test("a generator's span lasts for the iteration and is current in each step only", () => {
  const seen: unknown[] = [];
  const numbers = withSpan("count", function* () {
    seen.push(activeSpanId());
    yield 1;
    seen.push(activeSpanId());
    return 2;
  });
  expect(numbers.next()).toEqual({ value: 1, done: false });
  expect(activeSpanId()).toBeUndefined();
  expect(exporter.getFinishedSpans()).toEqual([]);
  expect(numbers.next()).toEqual({ value: 2, done: true });
  expect(numbers.next()).toEqual({ value: undefined, done: true });
  const [span] = exporter.getFinishedSpans();
  expect(seen).toEqual([span?.spanContext().spanId, span?.spanContext().spanId]);
  expect(exporter.getFinishedSpans()).toHaveLength(1);
});

test("a generator that is left early ends its span and runs its finally inside it", () => {
  let inFinally: string | undefined;
  const numbers = withSpan("count", function* () {
    try {
      yield* [1, 2, 3];
    } finally {
      inFinally = activeSpanId();
    }
  });
  for (const _ of numbers) break;
  expect(exporter.getFinishedSpans().map((span) => span.spanContext().spanId)).toEqual([inFinally]);
});

test("a generator's error, of its own or thrown into it, is recorded once and comes out", () => {
  const error = new Error("sold out");
  const failing = withSpan("own", function* () {
    yield 1;
    throw error;
  });
  failing.next();
  expect(() => failing.next()).toThrow(error);
  const told = withSpan("told", function* () {
    yield 1;
  });
  told.next();
  expect(() => told.throw(error)).toThrow(error);
  expect(() => told.throw(error)).toThrow(error);
  expect(exporter.getFinishedSpans().map(({ name, events }) => [name, events.length])).toEqual([
    ["own", 1],
    ["told", 1],
  ]);
});

test("an asynchronous generator keeps its span current after its awaits, each step from the caller's side", async () => {
  const seen: unknown[] = [];
  const parts = withSpan("read", async function* () {
    for (const part of ["a", "b"]) {
      await Promise.resolve();
      seen.push(activeSpanId());
      yield part;
    }
  });
  const got: string[] = [];
  for await (const part of parts) {
    got.push(part);
    expect(activeSpanId()).toBeUndefined();
  }
  const [span] = exporter.getFinishedSpans();
  expect(got).toEqual(["a", "b"]);
  expect(seen).toEqual([span?.spanContext().spanId, span?.spanContext().spanId]);
});

test("an asynchronous generator's span ends when it is left or throws", async () => {
  const error = new Error("cut");
  for await (const _ of withSpan("left", async function* () {
    yield 1;
  }))
    break;
  const failing = withSpan("throws", async function* () {
    yield 1;
    throw error;
  });
  await failing.next();
  await expect(failing.next()).rejects.toBe(error);
  expect(exporter.getFinishedSpans().map(({ name, status }) => [name, status.code])).toEqual([
    ["left", SpanStatusCode.UNSET],
    ["throws", SpanStatusCode.ERROR],
  ]);
});

import { resourceFromAttributes } from "@opentelemetry/resources";
import { expect, test } from "vitest";
import { createProtobufWriter, takePiece, writeText } from "./otlp/protobuf-writer.ts";
import type { EncodedSpan } from "./otlp/span-encoder.ts";
import { createTraceQueue } from "./trace-queue.ts";

const source = { resource: resourceFromAttributes({}), scope: { name: "test" } };
const ALL = { maxSpans: 1000, maxBytes: 1_000_000 };

/** A span of 1000 bytes with what the queue reckons for the rest of it. */
function span(name: string): EncodedSpan {
  const bytes = new Uint8Array(750);
  bytes.set(Buffer.from(name));
  return { source, bytes };
}

function namesOf(batch: { readonly spans: readonly EncodedSpan[] } | undefined): readonly string[] {
  return (batch?.spans ?? []).map(({ bytes }) => Buffer.from(bytes).toString().replace(/\0+$/, ""));
}

test("spans leave by trace, the oldest trace first", () => {
  const queue = createTraceQueue(1_000_000);
  for (const name of ["a1", "b1", "a2", "b2"]) queue.add(name.slice(0, 1), span(name));
  expect(namesOf(queue.take(ALL))).toEqual(["a1", "a2", "b1", "b2"]);
  expect(queue.take(ALL)).toBeUndefined();
});

test("a batch takes whole traces as long as they fit", () => {
  const queue = createTraceQueue(1_000_000);
  for (const name of ["a1", "a2", "b1", "b2"]) queue.add(name.slice(0, 1), span(name));
  expect(namesOf(queue.take({ maxSpans: 3, maxBytes: 1_000_000 }))).toEqual(["a1", "a2"]);
  expect(namesOf(queue.take({ maxSpans: 10, maxBytes: 1500 }))).toEqual(["b1"]);
  expect(namesOf(queue.take({ maxSpans: 10, maxBytes: 1500 }))).toEqual(["b2"]);
});

test("a span larger than a batch leaves alone", () => {
  const queue = createTraceQueue(1_000_000);
  queue.add("a", span("a1"));
  expect(namesOf(queue.take({ maxSpans: 10, maxBytes: 10 }))).toEqual(["a1"]);
});

test("a full queue drops the oldest whole trace, and what comes later of it", () => {
  const queue = createTraceQueue(3500);
  expect(["a1", "a2", "b1"].map((name) => queue.add(name.slice(0, 1), span(name)))).toEqual([0, 0, 0]);
  expect(queue.add("c", span("c1"))).toBe(2);
  expect(queue.add("a", span("a3"))).toBe(1);
  expect(namesOf(queue.take(ALL))).toEqual(["b1", "c1"]);
});

test("the rest of a trace that has been sent in part is dropped last", () => {
  const queue = createTraceQueue(3500);
  queue.add("begun", span("begun1"));
  const first = queue.take(ALL);
  if (first) queue.release(first);
  for (const name of ["begun2", "begun3", "whole1", "other1"]) queue.add(name.slice(0, 5), span(name));
  expect(namesOf(queue.take(ALL))).toEqual(["begun2", "begun3", "other1"]);
});

test("what stays of a begun trace does not keep the memory that it shared with what was dropped", () => {
  const queue = createTraceQueue(64 * 1024);
  queue.add("begun", span("begun0"));
  const first = queue.take(ALL);
  if (first) queue.release(first);
  const encoder = createProtobufWriter();
  for (let index = 0; index < 20_000; index++) {
    writeText(encoder, 10, "x".repeat(500));
    queue.add(index % 100 === 0 ? "begun" : `whole ${index}`, { source, bytes: takePiece(encoder) });
  }
  const { spans = [] } = queue.take({ maxSpans: 1e6, maxBytes: 1e9 }) ?? {};
  const held = [...new Set(spans.map(({ bytes }) => bytes.buffer))];
  expect(held.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(4 * 64 * 1024);
});

test("what is being sent counts until it is released, and nothing of it is dropped", () => {
  const queue = createTraceQueue(2500);
  queue.add("a", span("a1"));
  queue.add("b", span("b1"));
  const batch = queue.take(ALL);
  expect([queue.count(), queue.bytes()]).toEqual([0, 2000]);
  expect(queue.add("c", span("c1"))).toBe(1);
  if (batch) queue.release(batch);
  expect(queue.bytes()).toBe(0);
  expect(queue.add("d", span("d1"))).toBe(0);
});

test("a trace that was dropped is taken again once the queue has been empty", () => {
  const queue = createTraceQueue(1500);
  queue.add("a", span("a1"));
  queue.add("b", span("b1"));
  expect(queue.add("a", span("a2"))).toBe(1);
  const batch = queue.take(ALL);
  if (batch) queue.release(batch);
  expect(queue.add("a", span("a3"))).toBe(0);
});

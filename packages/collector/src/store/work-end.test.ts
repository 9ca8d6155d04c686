import { buildTraceTree, type SpanRecord } from "@throughline/core";
import { expect, test } from "vitest";
import { spanRecord } from "../../test/span-record.ts";
import { workEndOf } from "./work-end.ts";

type Given = Partial<SpanRecord> & {
  readonly spanId: string;
  readonly ms: readonly [from: number, to: number];
};

/** Milliseconds from the start of the trace to the end of its work. */
function workMs(...given: readonly Given[]): number {
  const spans = given.map(
    ({ ms: [from, to], ...more }): SpanRecord =>
      spanRecord({
        name: more.spanId,
        startUnixNano: BigInt(from) * 1_000_000n,
        endUnixNano: BigInt(to) * 1_000_000n,
        ...more,
      }),
  );
  return Number(workEndOf(buildTraceTree(spans)) / 1_000_000n);
}

const load: Given = { spanId: "load", ms: [0, 1000] };
const below = { parentSpanId: "load" } as const;
const vital = (name: string) => ({ ...below, attributes: { "browser.web_vital.name": name } });

test("a web vital that is told when the page hides does not prolong the load", () => {
  expect(workMs(load, { spanId: "cls", ms: [25_000, 25_000], ...vital("cls") })).toBe(1000);
});

test("a load that is left before it was done has taken that long, below the span that served it", () => {
  const attributes = { "throughline.ended_by": "pagehide" };
  const left: Given = { spanId: "load", parentSpanId: "served", ms: [5, 4000], attributes };
  expect(workMs({ spanId: "served", kind: "server", ms: [0, 30] }, left)).toBe(4000);
});

test("the scripts of a late interaction do not either", () => {
  const inp: Given = { spanId: "inp", ms: [9000, 9200], ...vital("inp") };
  expect(workMs(load, inp, { spanId: "script", parentSpanId: "inp", ms: [9010, 9100] })).toBe(1000);
});

test("a paint that began with the load is part of it, however late it was", () => {
  expect(workMs(load, { spanId: "lcp", ms: [0, 2500], ...vital("lcp") })).toBe(2500);
});

test("long tasks go on with the load while they touch it, later ones do not", () => {
  const task = (spanId: string, from: number, to: number): Given => ({
    spanId,
    name: "long task",
    ms: [from, to],
    ...below,
  });
  expect(workMs(load, task("c", 8000, 8100), task("b", 1050, 1200), task("a", 990, 1100))).toBe(1200);
});

test("an error that was put below the page long after is not its work", () => {
  const attributes = { "throughline.parent": "inferred" };
  expect(workMs(load, { spanId: "error", ms: [20_000, 20_000], ...below, attributes })).toBe(1000);
});

test("a request that was guessed to belong to a click is work", () => {
  const attributes = { "throughline.parent": "inferred" };
  expect(workMs(load, { spanId: "fetch", kind: "client", ms: [1500, 1800], ...below, attributes })).toBe(
    1800,
  );
});

test("a stream that is cut when the visitor leaves lasts as long as the visit, with all it asked for", () => {
  const attributes = { "throughline.ended_by": "pagehide" };
  const stream: Given = { spanId: "stream", kind: "client", ms: [500, 25_000], ...below, attributes };
  const answer: Given = { spanId: "answer", kind: "server", parentSpanId: "stream", ms: [510, 25_010] };
  expect(workMs(load, stream, answer)).toBe(1000);
});

test("a click that is cut together with its request has taken that long", () => {
  const attributes = { "throughline.ended_by": "pagehide" };
  const click: Given = { spanId: "click", ms: [0, 3000], attributes };
  expect(workMs(click, { spanId: "fetch", parentSpanId: "click", ms: [10, 3000], attributes })).toBe(3000);
});

test("where nothing else has arrived, what is there is measured", () => {
  expect(workMs({ spanId: "cls", ms: [0, 300], ...vital("cls") })).toBe(300);
});

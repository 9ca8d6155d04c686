import { expect, test } from "vitest";
import type { SpanRecord } from "./span-record.ts";
import { ancestorsOf, buildTraceTree } from "./trace-tree.ts";

function span(spanId: string, parentSpanId?: string, start = 0n): SpanRecord {
  return {
    traceId: "t",
    spanId,
    ...(parentSpanId ? { parentSpanId } : {}),
    name: spanId,
    kind: "internal",
    startUnixNano: start,
    endUnixNano: start + 10n,
    attributes: {},
    events: [],
    links: [],
    status: { code: "unset" },
    flags: 1,
    resource: {},
    scope: { name: "test" },
    droppedCount: 0,
  };
}

const shape = (spans: readonly SpanRecord[]) =>
  buildTraceTree(spans).nodes.map((node) => `${" ".repeat(node.depth)}${node.span.name}`);

test("spans nest by parent id whatever order they came in", () => {
  expect(shape([span("c", "b"), span("b", "a"), span("a")])).toEqual(["a", " b", "  c"]);
});

test("siblings are ordered by start time", () => {
  expect(shape([span("a"), span("late", "a", 5n), span("early", "a", 1n)])).toEqual(["a", " early", " late"]);
});

test("a span whose parent is missing becomes a root and is marked", () => {
  const tree = buildTraceTree([span("child", "gone"), span("grandchild", "child")]);
  expect(tree.orphans.map((node) => node.span.name)).toEqual(["child"]);
  expect(tree.roots.map((node) => node.span.name)).toEqual(["child"]);
  expect(tree.nodes.map((node) => node.depth)).toEqual([0, 1]);
});

test("a parent cycle is cut at its earliest span and loses nothing", () => {
  const tree = buildTraceTree([span("a", "b", 1n), span("b", "a", 2n), span("root", undefined, 0n)]);
  expect(tree.cycles).toEqual(["a"]);
  expect(tree.nodes.map((node) => node.span.name)).toEqual(["root", "a", "b"]);
  expect(tree.nodes.flatMap((node) => node.children).map((node) => node.span.name)).toEqual(["b"]);
});

test("a span that is its own parent is a cycle of one", () => {
  expect(buildTraceTree([span("a", "a")]).cycles).toEqual(["a"]);
});

test("a chain of 50 000 spans does not overflow the stack", () => {
  const chain = Array.from({ length: 50_000 }, (_, i) => span(`s${i}`, i === 0 ? undefined : `s${i - 1}`));
  expect(buildTraceTree(chain).nodes).toHaveLength(50_000);
});

test("ancestors come nearest first", () => {
  const tree = buildTraceTree([span("a"), span("b", "a"), span("c", "b")]);
  const last = tree.nodes[2];
  expect(last && ancestorsOf(last).map((node) => node.span.name)).toEqual(["b", "a"]);
});

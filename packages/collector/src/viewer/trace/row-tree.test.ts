import type { TraceRow } from "@throughline/core";
import { expect, test } from "vitest";
import { ancestorIds, DEEPEST_INDENT, deepestOf, parentIndex, visibleRows } from "./row-tree.ts";

const none: ReadonlySet<string> = new Set();
const keepAll = { collapsed: none, isSkipped: () => false };

/** `a0 b1`: span `a` at depth 0, then span `b` at depth 1. */
function rows(text: string): TraceRow[] {
  return text.split(" ").map((word) => ({
    spanId: word.charAt(0),
    depth: Number(word.slice(1)),
    label: word,
    service: "shop",
    kind: "internal",
    offsetMs: 0,
    durationMs: 1,
    error: false,
    orphan: false,
    childCount: 0,
  }));
}

const ids = (visible: ReturnType<typeof visibleRows>): string =>
  visible.map(({ row, depth }) => row.spanId + depth).join(" ");

test("a collapsed row hides its whole subtree and nothing else", () => {
  const visible = visibleRows(rows("a0 b1 c2 d2 e1 f0"), { ...keepAll, collapsed: new Set(["b"]) });
  expect(ids(visible)).toBe("a0 b1 e1 f0");
  expect(visible[1]).toMatchObject({ collapsed: true, expandable: true, hiddenCount: 2 });
});

test("a row inside a collapsed one stays collapsed unseen", () => {
  const visible = visibleRows(rows("a0 b1 c2 d1"), { ...keepAll, collapsed: new Set(["a", "b"]) });
  expect(ids(visible)).toBe("a0");
  expect(visible[0]?.hiddenCount).toBe(3);
});

test("a collapsed leaf is no row that can be opened", () => {
  const visible = visibleRows(rows("a0 b1"), { ...keepAll, collapsed: new Set(["b"]) });
  expect(visible[1]).toMatchObject({ expandable: false, collapsed: false });
});

test("children of a skipped row move up to its place", () => {
  const isSkipped = (row: TraceRow): boolean => row.spanId === "b";
  expect(ids(visibleRows(rows("a0 b1 c2 d3 e1 f2"), { collapsed: none, isSkipped }))).toBe("a0 c1 d2 e1 f2");
});

test("a row whose only child is skipped cannot be expanded", () => {
  const isSkipped = (row: TraceRow): boolean => row.spanId === "b";
  expect(visibleRows(rows("a0 b1 c0"), { collapsed: none, isSkipped })[0]?.expandable).toBe(false);
});

test("guide lines go on exactly while a later sibling follows", () => {
  const visible = visibleRows(rows("a0 b1 c2 d2 e1 f2"), keepAll);
  const goesOn = visible.map(({ guides }) => [1, 2].filter((level) => guides & (1 << level)));
  expect(goesOn).toEqual([[], [1], [1, 2], [1], [], []]);
});

test("a chain of 5 000 spans is handled without overflow of the guide mask", () => {
  const chain = Array.from({ length: 5000 }, (_, depth) => ({
    ...rows("a0")[0],
    depth,
    spanId: `s${depth}`,
  }));
  const visible = visibleRows(chain as TraceRow[], keepAll);
  expect(visible.length).toBe(5000);
  expect(visible.every(({ guides }) => guides >= 0)).toBe(true);
});

test("ancestors are found nearest first", () => {
  expect(ancestorIds(rows("a0 b1 c2 d1 e2"), "e")).toEqual(["d", "a"]);
});

test("a root has no parent", () => {
  expect(parentIndex(rows("a0 b0"), 1)).toBe(-1);
});

test("the deepest level is that of the rows on screen, and no deeper than what is indented", () => {
  expect(deepestOf(visibleRows(rows("a0"), keepAll))).toBe(1);
  expect(deepestOf(visibleRows(rows("a0 b1 c2 d1"), keepAll))).toBe(2);
  expect(deepestOf(visibleRows(rows("a0 b1 c2"), { ...keepAll, collapsed: new Set(["b"]) }))).toBe(1);
  const chain = Array.from({ length: 60 }, (_, depth) => ({ ...(rows("a0")[0] as TraceRow), depth }));
  expect(deepestOf(visibleRows(chain, keepAll))).toBe(DEEPEST_INDENT);
});

import type { TraceRow } from "@throughline/core";
import { expect, test } from "vitest";
import { selfTimeMs } from "./self-time.ts";

function row(depth: number, offsetMs: number, durationMs: number): TraceRow {
  const fixed = { spanId: "a", label: "a", service: "s", kind: "internal", childCount: 0 } as const;
  return { ...fixed, depth, offsetMs, durationMs, error: false, orphan: false };
}

test("a span without children did everything itself", () => {
  expect(selfTimeMs([row(0, 5, 10), row(0, 6, 3)], 0)).toBe(10);
});

test("children that overlap count once, grandchildren not at all", () => {
  const rows = [row(0, 0, 100), row(1, 10, 40), row(2, 20, 10), row(1, 30, 40)];
  expect(selfTimeMs(rows, 0)).toBe(40);
});

test("the part of a child outside its parent does not count", () => {
  expect(selfTimeMs([row(0, 10, 20), row(1, 0, 15), row(1, 25, 50)], 0)).toBe(10);
});

import { expect, test } from "vitest";
import { fullBarMs } from "./list-row.ts";

test("one slow trace in ten does not shrink the other bars", () => {
  expect(fullBarMs([10, 20, 30, 40, 50, 60, 70, 80, 90, 60_000])).toBe(90);
});

test("few traces are measured by the longest, none by nothing", () => {
  expect(fullBarMs([5, 100])).toBe(100);
  expect(fullBarMs([])).toBe(0);
});

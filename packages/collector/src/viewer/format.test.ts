import { expect, test } from "vitest";
import { counted, formatAgo, formatDuration } from "./format.ts";

test.each([
  [0, "0 ms"],
  [0.0004, "0.4 µs"],
  [0.84, "840 µs"],
  [0.9996, "1 ms"],
  [1.2345, "1.23 ms"],
  [84.21, "84.2 ms"],
  [118.6, "119 ms"],
  [999.6, "1 s"],
  [1240, "1.24 s"],
  [59_700, "1 m 00 s"],
  [125_000, "2 m 05 s"],
  [3_725_000, "1 h 02 m"],
  [-3, "−3 ms"],
])("%d milliseconds read as %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [1_500, "now"],
  [-5_000, "now"],
  [12_300, "12 s ago"],
  [200_000, "3 min ago"],
  [7_300_000, "2 h ago"],
  [400_000_000, "4 d ago"],
])("%d milliseconds back read as %s", (past, text) => {
  expect(formatAgo(1e12 - past, 1e12)).toBe(text);
});

test("one is singular and thousands are grouped", () => {
  expect([counted(1, "span"), counted(0, "span"), counted(12_480, "span")]).toEqual([
    "1 span",
    "0 spans",
    "12,480 spans",
  ]);
});

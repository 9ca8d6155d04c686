import { expect, test } from "vitest";
import { axisTicks, barBox, roundStep, selectRange } from "./time-axis.ts";

test("ticks are round times with room for their labels", () => {
  const ticks = axisTicks({ fromMs: 0, toMs: 131.2 }, 500);
  expect(ticks.map((tick) => tick.label)).toEqual(["0 ms", "50 ms", "100 ms"]);
  expect(ticks[1]?.position).toBeCloseTo(50 / 131.2);
});

test("a zoomed range starts at its first round time", () => {
  expect(axisTicks({ fromMs: 12, toMs: 29 }, 400).map((tick) => tick.ms)).toEqual([15, 20, 25]);
});

test("a trace without length still has an axis", () => {
  expect(axisTicks({ fromMs: 0, toMs: 0 }, 300).length).toBeGreaterThan(0);
});

test.each([
  [1, 1],
  [1.1, 2],
  [3, 5],
  [7, 10],
  [0.03, 0.05],
])("the round step for at least %d is %d", (least, step) => {
  expect(roundStep(least)).toBeCloseTo(step, 10);
});

test("a bar is cut at the edges of the range", () => {
  expect(barBox({ offsetMs: 0, durationMs: 40 }, { fromMs: 20, toMs: 60 })).toEqual({ left: 0, width: 0.5 });
});

test("a span outside the range has no bar", () => {
  expect(barBox({ offsetMs: 0, durationMs: 5 }, { fromMs: 20, toMs: 60 })).toBeUndefined();
  expect(barBox({ offsetMs: 61, durationMs: 5 }, { fromMs: 20, toMs: 60 })).toBeUndefined();
});

test("a drag selects the same range in both directions, within the base", () => {
  const base = { fromMs: 0, toMs: 200 };
  expect(selectRange(base, 0.25, 0.75)).toEqual({ fromMs: 50, toMs: 150 });
  expect(selectRange(base, 1.4, 0.5)).toEqual({ fromMs: 100, toMs: 200 });
});

test("a click is not a drag", () => {
  expect(selectRange({ fromMs: 0, toMs: 200 }, 0.5, 0.501)).toBeUndefined();
});

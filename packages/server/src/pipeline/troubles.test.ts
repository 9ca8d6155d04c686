import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createTroubles } from "./troubles.ts";

const PREFIX = "@throughline/server: ";
let lines: { readonly second: number; readonly text: string }[] = [];
let startMs = 0;

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  startMs = performance.now();
  for (const level of ["warn", "info"] as const) {
    vi.spyOn(console, level).mockImplementation((text: string) => {
      lines.push({
        second: (performance.now() - startMs) / 1000,
        text: `${level} ${text.replace(PREFIX, "")}`,
      });
    });
  }
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Of any minute, wherever it begins. */
function mostInAMinute(): number {
  return Math.max(
    ...lines.map(
      ({ second }) => lines.filter((each) => each.second >= second && each.second < second + 60).length,
    ),
  );
}

test("the first trouble is told at once, what others say of that minute in one line at its end", () => {
  const troubles = createTroubles();
  const [spans, logs, browser] = [troubles.open(), troubles.open(), troubles.open()];
  spans.warn("1 span is lost.");
  logs.warn("2 lines are lost.");
  browser.warn("1 post is lost.");
  logs.warn("5 lines are lost.");
  vi.advanceTimersByTime(300_000);
  expect(lines).toEqual([
    { second: 0, text: "warn 1 span is lost." },
    { second: 60, text: "warn 5 lines are lost. Also: 1 post is lost." },
  ]);
});

test("a warning that comes every second is one line a minute, with the newest number", () => {
  const spans = createTroubles().open();
  for (let second = 0; second < 180; second++) {
    spans.warn(`lost ${second}`);
    vi.advanceTimersByTime(1000);
  }
  expect(lines.map(({ text }) => text)).toEqual([
    "warn lost 0",
    "warn lost 59",
    "warn lost 119",
    "warn lost 179",
  ]);
});

test("that it works again is told at once where it was told that it does not, else in its place", () => {
  const troubles = createTroubles();
  const [spans, logs] = [troubles.open(), troubles.open()];
  spans.warn("spans fail");
  logs.warn("logs fail");
  vi.advanceTimersByTime(10_000);
  spans.over("spans go");
  logs.over("logs go");
  vi.advanceTimersByTime(120_000);
  expect(lines).toEqual([
    { second: 0, text: "warn spans fail" },
    { second: 10, text: "info spans go" },
    { second: 60, text: "info logs go" },
  ]);
});

test("however many senders fail and recover, however often: two lines a minute at most, and the last word counts", () => {
  const troubles = createTroubles();
  const senders = Array.from({ length: 6 }, () => troubles.open());
  for (let round = 0; round < 600; round++) {
    for (const [index, { warn, over }] of senders.entries()) {
      if (round % (index + 2) === 0) warn(`${index} fails`);
      else if (round % (index + 2) === 1) over(`${index} goes`);
    }
    vi.advanceTimersByTime(700);
  }
  for (const [index, { over }] of senders.entries()) over(`${index} goes for good`);
  vi.advanceTimersByTime(120_000);
  expect(mostInAMinute()).toBe(2);
  const all = lines.map(({ text }) => text).join("\n");
  for (const index of senders.keys()) expect(all.lastIndexOf(`${index} goes for good`)).toBeGreaterThan(-1);
});

test("the line of a minute later is told outside of the request that it is of", () => {
  const requests = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  vi.spyOn(console, "warn").mockImplementation(() => seen.push(requests.getStore()));
  const spans = createTroubles().open();
  requests.run("request", () => {
    spans.warn("1 span is lost.");
    spans.warn("2 spans are lost.");
  });
  vi.advanceTimersByTime(60_000);
  expect(seen).toEqual(["request", undefined]);
});

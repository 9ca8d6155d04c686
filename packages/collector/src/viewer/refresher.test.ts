import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createRefresher } from "./refresher.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("many requests become one run at once and one after the gap", async () => {
  const run = vi.fn(() => Promise.resolve());
  const refresher = createRefresher(run, 250);
  for (let n = 0; n < 10; n++) refresher.request();
  await vi.advanceTimersByTimeAsync(249);
  expect(run).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(run).toHaveBeenCalledTimes(2);
});

test("a new question aborts the old one and is asked at once", async () => {
  const signals: AbortSignal[] = [];
  const refresher = createRefresher((signal) => {
    signals.push(signal);
    return new Promise(() => undefined);
  }, 250);
  refresher.request();
  refresher.now();
  expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
});

test("a failed run does not end the refreshing", async () => {
  const run = vi.fn(() => Promise.reject(new Error("offline")));
  const refresher = createRefresher(run, 10);
  refresher.request();
  await vi.advanceTimersByTimeAsync(20);
  refresher.request();
  expect(run).toHaveBeenCalledTimes(2);
});

test("nothing runs after stop", async () => {
  const run = vi.fn(() => Promise.resolve());
  const refresher = createRefresher(run, 10);
  refresher.request();
  refresher.request();
  refresher.stop();
  await vi.advanceTimersByTimeAsync(100);
  refresher.now();
  expect(run).toHaveBeenCalledTimes(1);
});

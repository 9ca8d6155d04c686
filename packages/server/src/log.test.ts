import { afterEach, expect, test, vi } from "vitest";
import { sayRarely } from "./log.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("a warning that comes every second is one line a minute", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const warn = vi.spyOn(console, "warn").mockReturnValue(undefined);
  const tell = sayRarely(60_000);
  const told: number[] = [];
  for (let second = 0; second < 180; second++) {
    if (tell(`lost ${second}`)) told.push(second);
    vi.advanceTimersByTime(1000);
  }
  expect(told).toEqual([0, 60, 120]);
  expect(warn.mock.calls).toEqual(told.map((second) => [`@throughline/server: lost ${second}`]));
});

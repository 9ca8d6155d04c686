import type { HrTime, TimeInput } from "@opentelemetry/api";

/** Below it the two clocks may differ by their resolution alone; above it the machine slept, or its clock was set. */
const DRIFT_MS = 5;

/** Tells what to add to `performance.now` for Unix milliseconds. */
export type Clock = () => number;

/**
 * One origin for the whole page, so that a child lies inside its parent to the microsecond; moved only when
 * `performance.now` no longer tells the time of day.
 */
export function createClock(): Clock {
  let origin = performance.timeOrigin;
  return () => {
    const before = performance.now();
    const unixMs = Date.now();
    const now = performance.now();
    // Where something else ran in between the two cannot be compared.
    if (now - before < 1 && Math.abs(unixMs - now - origin) > DRIFT_MS) origin = unixMs - now;
    return origin;
  };
}

/** A number is `performance.now` or Unix milliseconds; the API has no other way to say which. */
export function hrTime(time: TimeInput, origin: number): HrTime {
  if (Array.isArray(time) && time.every(Number.isSafeInteger)) return time;
  const given = Number(time);
  // What is no time must not make the span unwritable.
  const ms = Number.isFinite(given) ? given : performance.now();
  // No page has been open for half of the time since 1970.
  const unixMs = ms < origin / 2 ? ms + origin : ms;
  const seconds = Math.floor(unixMs / 1000);
  return [seconds, Math.round((unixMs - seconds * 1000) * 1e6)];
}

export function isBefore(one: HrTime, other: HrTime): boolean {
  return (one[0] - other[0] || one[1] - other[1]) < 0;
}

import { AsyncResource } from "node:async_hooks";
import type { HrTime, TimeInput } from "@opentelemetry/api";

/** Below it the two clocks may differ by their resolution alone; above it the machine slept, or its clock was set. */
const DRIFT_MS = 5;

/** What to add to `performance.now` for Unix milliseconds. */
export type Clock = () => number;

/**
 * One origin for the process, so that a child lies inside its parent to the microsecond; moved only where
 * `performance.now` no longer tells the time of day. Asked once a trace: spans below take their parent's.
 * Read in the scope of whoever made the clock: inside a prerender Next.js takes `Date.now` for a sign that the page is
 * not static. https://nextjs.org/docs/messages/next-prerender-current-time
 */
export function createClock(): Clock {
  const scope = new AsyncResource("throughline.clock");
  const read = (): number => Date.now();
  let origin = performance.timeOrigin;
  return () => {
    const before = performance.now();
    const unixMs = scope.runInAsyncScope(read);
    const now = performance.now();
    // Where something else ran in between the two cannot be compared.
    if (now - before < 1 && Math.abs(unixMs - now - origin) > DRIFT_MS) origin = unixMs - now;
    return origin;
  };
}

/** A number is `performance.now` or Unix milliseconds; the API has no other way to say which. */
export function hrTimeOf(time: TimeInput | undefined, origin: number): HrTime {
  if (time === undefined || time === null) return hrTime(performance.now() + origin);
  if (Array.isArray(time)) return time;
  const given = Number(time);
  // What is no time must not make the span unwritable.
  if (!Number.isFinite(given)) return hrTime(performance.now() + origin);
  return hrTime(typeof time === "number" && given <= performance.now() ? given + origin : given);
}

export function hrDuration(from: HrTime, to: HrTime): HrTime {
  const nanos = to[1] - from[1];
  const seconds = to[0] - from[0];
  return nanos < 0 ? [seconds - 1, nanos + 1e9] : [seconds, nanos];
}

export function isBefore(one: HrTime, other: HrTime): boolean {
  return (one[0] - other[0] || one[1] - other[1]) < 0;
}

function hrTime(unixMs: number): HrTime {
  const seconds = Math.floor(unixMs / 1000);
  const nanos = Math.round((unixMs - seconds * 1000) * 1e6);
  return nanos < 1e9 ? [seconds, nanos] : [seconds + 1, 0];
}

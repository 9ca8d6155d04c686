import type { TraceSummary } from "@throughline/core";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `840 µs`, `1.24 ms`, `84.2 ms`, `1.24 s`, `2 m 05 s`: three digits that matter. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `−${formatDuration(-ms)}`;
  if (ms === 0) return "0 ms";
  // Each limit is where rounding would print the next unit's first value.
  if (ms < 0.9995) return `${digits(ms * 1000)} µs`;
  if (ms < 999.5) return `${digits(ms)} ms`;
  const seconds = Math.round(ms / SECOND);
  if (seconds < 60) return `${digits(ms / SECOND)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} m`;
}

/** `now`, `12 s ago`, `3 min ago`, `2 h ago`, `4 d ago`. */
export function formatAgo(thenMs: number, nowMs: number): string {
  const past = nowMs - thenMs;
  if (past < 2 * SECOND) return "now";
  if (past < MINUTE) return `${Math.floor(past / SECOND)} s ago`;
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min ago`;
  if (past < DAY) return `${Math.floor(past / HOUR)} h ago`;
  return `${Math.floor(past / DAY)} d ago`;
}

/** `2026-11-22 17:45:03.042`, in the reader's time zone. */
export function formatClock(unixMs: number): string {
  const at = new Date(unixMs);
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return `${date} ${time}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `12,480`; the same in every locale, because the page speaks English. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 span`, `12,480 spans`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** How long the trace took: the visitor who stayed longer does not count. */
export function workMsOf({ workMs, durationMs }: TraceSummary): number {
  return workMs ?? durationMs;
}

function digits(value: number): string {
  const places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return String(Number(value.toFixed(places)));
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

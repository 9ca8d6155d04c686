import { formatDuration } from "../format.ts";

/** A stretch of the trace, in milliseconds after its start. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Tick {
  readonly ms: number;
  /** 0 at the left edge of the range, 1 at the right. */
  readonly position: number;
  readonly label: string;
}

/** The shortest range that can be shown: one microsecond. */
export const SHORTEST_MS = 0.001;
const LABEL_PX = 84;

/** Round times (1, 2 or 5 of a decimal unit) with room for their labels. */
export function axisTicks(range: TimeRange, widthPx: number): readonly Tick[] {
  const span = spanOf(range);
  const step = roundStep(span / Math.max(2, Math.floor(widthPx / LABEL_PX)));
  const ticks: Tick[] = [];
  const first = Math.ceil(range.fromMs / step - 1e-9);
  const last = Math.floor(range.toMs / step + 1e-9);
  for (let n = first; n <= last && ticks.length < 100; n++) {
    const ms = n * step;
    ticks.push({ ms, position: (ms - range.fromMs) / span, label: formatDuration(ms) });
  }
  return ticks;
}

/** The least 1, 2 or 5 times a power of ten that is not below `least`. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5].find((candidate) => candidate * power >= least * (1 - 1e-9));
  return (factor ?? 10) * power;
}

export interface BarBox {
  /** Shares of the range's width. */
  readonly left: number;
  readonly width: number;
}

/** Where a span's bar goes; undefined when the span lies outside the range. */
export function barBox(
  span: { readonly offsetMs: number; readonly durationMs: number },
  range: TimeRange,
): BarBox | undefined {
  const length = spanOf(range);
  const start = (span.offsetMs - range.fromMs) / length;
  const end = start + span.durationMs / length;
  if (end < 0 || start > 1) return undefined;
  const left = Math.max(0, start);
  const right = Math.min(1, end);
  return { left, width: right - left };
}

/** The range a drag between two shares of `base` selects; undefined when it is a click, not a drag. */
export function selectRange(base: TimeRange, a: number, b: number): TimeRange | undefined {
  const left = Math.max(0, Math.min(a, b));
  const right = Math.min(1, Math.max(a, b));
  if (right - left < 0.005) return undefined;
  const length = spanOf(base);
  return { fromMs: base.fromMs + left * length, toMs: base.fromMs + right * length };
}

export function spanOf(range: TimeRange): number {
  return Math.max(SHORTEST_MS, range.toMs - range.fromMs);
}

import type { TraceRow } from "@throughline/core";

/** Milliseconds of a span in which none of its children ran; what it did itself, or waited for untraced work. */
export function selfTimeMs(rows: readonly TraceRow[], index: number): number {
  const own = rows[index];
  if (!own) return 0;
  const end = own.offsetMs + own.durationMs;
  // Depth-first rows hold the children in order of start.
  let covered = 0;
  let upTo = own.offsetMs;
  for (let at = index + 1; at < rows.length; at++) {
    const row = rows[at];
    if (!row || row.depth <= own.depth) break;
    if (row.depth !== own.depth + 1) continue;
    const from = Math.max(upTo, row.offsetMs);
    const to = Math.min(end, row.offsetMs + row.durationMs);
    if (to <= from) continue;
    covered += to - from;
    upTo = to;
  }
  return Math.max(0, own.durationMs - covered);
}

import type { SpanRecord, TraceSummary } from "@throughline/core";
import type { SpansListener, Stop } from "./store/span-store.ts";
import { summarizeTrace } from "./store/summarize.ts";

export interface TraceLogParts {
  readonly subscribe: (listener: SpansListener) => Stop;
  readonly getTrace: (traceId: string) => readonly SpanRecord[];
  readonly write: (line: string) => void;
  /** Address of the viewer, without a trailing slash. */
  readonly url: string;
  readonly colour: boolean;
  /** How long a trace must be quiet before it counts as finished; 1000 when left out. */
  readonly quietMs?: number;
  /**
   * How long one that looks broken must be quiet; 6000 when left out, because its other half may sit in a
   * batch for the 5 s of OTEL_BSP_SCHEDULE_DELAY.
   */
  readonly brokenQuietMs?: number;
}

const MAX_REMEMBERED = 10_000;

/** Writes one line for each finished trace: its root has arrived, and then no span for a while. */
export function startTraceLog(parts: TraceLogParts): Stop {
  const waiting = new Map<string, NodeJS.Timeout>();
  const written = new Set<string>();

  const quietMs = parts.quietMs ?? 1_000;
  const brokenQuietMs = Math.max(parts.brokenQuietMs ?? 6_000, quietMs);

  const arm = (traceId: string, delayMs: number, next: (traceId: string) => void): void => {
    clearTimeout(waiting.get(traceId));
    waiting.set(traceId, setTimeout(() => next(traceId), delayMs).unref());
  };
  const write = (traceId: string): void => {
    waiting.delete(traceId);
    if (written.size >= MAX_REMEMBERED) written.clear();
    written.add(traceId);
    parts.write(printTrace(summarizeTrace(parts.getTrace(traceId)), parts.url, parts.colour));
  };
  const finish = (traceId: string): void => {
    waiting.delete(traceId);
    const spans = parts.getTrace(traceId);
    if (!spans.some((span) => span.parentSpanId === undefined)) return;
    if (summarizeTrace(spans).problemCount === 0) write(traceId);
    else arm(traceId, brokenQuietMs - quietMs, write);
  };
  const unsubscribe = parts.subscribe(({ traceIds }) => {
    for (const traceId of traceIds) {
      if (!written.has(traceId)) arm(traceId, quietMs, finish);
    }
  });
  return () => {
    unsubscribe();
    for (const timer of waiting.values()) clearTimeout(timer);
    waiting.clear();
  };
}

/** `✓ POST /api/orders  201  142 ms  8 spans  web → shop  http://localhost:4318/trace/…` */
export function printTrace(summary: TraceSummary, url: string, colour: boolean): string {
  const failed = summary.errorCount > 0;
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const parts = [
    `${failed ? paint(31, "✗") : paint(32, "✓")} ${printable(summary.name) || "(no name)"}`,
    ...(summary.statusCode === undefined ? [] : [paint(failed ? 31 : 32, String(summary.statusCode))]),
    `${printDuration(summary.workMs ?? summary.durationMs)}`,
    counted(summary.spanCount, "span"),
    ...(failed ? [paint(31, counted(summary.errorCount, "error"))] : []),
    ...(summary.problemCount > 0 ? [paint(33, counted(summary.problemCount, "problem"))] : []),
    summary.services.map(printable).join(" → "),
    paint(2, `${url}/trace/${summary.traceId}`),
  ];
  return parts.join("  ");
}

function printDuration(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

// Names come from whoever sends spans; control characters could rewrite the terminal.
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "").slice(0, 120);
}

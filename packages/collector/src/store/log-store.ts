import type { LogLine } from "@throughline/core";
import { sizeOf } from "./trace-index.ts";

/** Keeps the lines of traces in memory, whatever keeps the spans: they are for a look while one works. */
export interface LogStore {
  add(lines: readonly LogLine[]): void;
  /** In order of time. */
  of(traceId: string): readonly LogLine[];
  clear(): void;
}

export interface LogLimits {
  /** An estimate of what lines take. */
  readonly maxBytes: number;
  readonly maxLinesPerTrace: number;
}

export const DEFAULT_LOG_LIMITS: LogLimits = { maxBytes: 32 * 1024 * 1024, maxLinesPerTrace: 2_000 };

/** Over its limit it forgets the lines of the trace that has been quiet for longest. */
export function createLogStore({ maxBytes, maxLinesPerTrace }: LogLimits = DEFAULT_LOG_LIMITS): LogStore {
  // Insertion order is order of last change.
  const traces = new Map<string, LogLine[]>();
  let bytes = 0;

  const put = (line: LogLine): void => {
    const lines = traces.get(line.traceId) ?? [];
    traces.delete(line.traceId);
    traces.set(line.traceId, lines);
    if (lines.length >= maxLinesPerTrace) return;
    lines.push(line);
    bytes += bytesOf(line);
  };
  const evict = (): void => {
    for (const [traceId, lines] of traces) {
      if (bytes <= maxBytes || traces.size === 1) return;
      traces.delete(traceId);
      for (const line of lines) bytes -= bytesOf(line);
    }
  };

  return {
    add(lines) {
      lines.forEach(put);
      evict();
    },
    of: (traceId) => [...(traces.get(traceId) ?? [])].sort(byTime),
    clear() {
      traces.clear();
      bytes = 0;
    },
  };
}

function byTime(a: LogLine, b: LogLine): number {
  const difference = BigInt(a.timeUnixNano) - BigInt(b.timeUnixNano);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

function bytesOf({ body, attributes }: LogLine): number {
  return 400 + body.length + sizeOf(attributes);
}

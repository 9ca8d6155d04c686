import type { SpanContext } from "@opentelemetry/api";

/** A line on its way to the collector, whichever logger wrote it. */
export interface LogLine {
  /** Number and text of the severity; the text is the logger's own. */
  readonly severity: readonly [number: number, text: string];
  /** A text, or what a console was given, to be made one. */
  readonly body: string | readonly unknown[];
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970; now without it. */
  readonly unixMs?: number;
  /** The span it belongs to; the current one without it. */
  readonly span?: SpanContext;
  readonly error?: unknown;
}

/** https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
export const SEVERITY = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const;

import type { Finding } from "./diagnosis.ts";
import type { LogLine } from "./log-line.ts";
import type { SpanJson, SpanKind } from "./span-record.ts";

// The collector's query API, as JSON. `GET /api/traces`, `GET /api/traces/{id}`, `GET /api/stream`, `GET /api/stats`.

/** One line of the trace list. */
export interface TraceSummary {
  readonly traceId: string;
  /** Label of the first root: `click Buy`. */
  readonly name: string;
  /** Label of the HTTP span nearest to the root, where that is not the root: `POST /api/orders` of a click. */
  readonly request?: string;
  readonly rootService: string;
  /** Every `service.name` in the trace, in order of first span. */
  readonly services: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly startUnixMs: number;
  /** From the first start to the last end. */
  readonly durationMs: number;
  /**
   * The same without what only says how long the visitor stayed: web vitals, long tasks and errors that came after the
   * work of the trace was done, and requests that were cut when the page went away. Absent where there is none of it.
   */
  readonly workMs?: number;
  readonly spanCount: number;
  /** Spans with status `error`. */
  readonly errorCount: number;
  /** HTTP status of the root, or of its nearest HTTP descendant. */
  readonly statusCode?: number;
  /** Findings of severity `error` or `warning`. */
  readonly problemCount: number;
  /** `test.case.id` of the browser spans, when a test made this trace. */
  readonly testCaseId?: string;
}

/** Answer of `GET /api/traces?limit=&service=&q=&test=&errors=true&minMs=`, newest first. */
export interface TraceList {
  readonly traces: readonly TraceSummary[];
}

/** One row of a waterfall, depth first. */
export interface TraceRow {
  readonly spanId: string;
  /** 0 for roots. */
  readonly depth: number;
  readonly label: string;
  /** What tells it from others of this label: `boom`, `app-4f2a.js`, `2.61 s needs improvement`. */
  readonly note?: string;
  readonly service: string;
  readonly kind: SpanKind;
  /** Milliseconds after the start of the trace, with microsecond digits. */
  readonly offsetMs: number;
  readonly durationMs: number;
  /** What was added to the times of the span, because the clock of its process was off. */
  readonly clockShiftMs?: number;
  readonly error: boolean;
  readonly orphan: boolean;
  readonly statusCode?: number;
  readonly childCount: number;
}

/** A span of another trace that has a link to a span of this one: a job that a request has sent. */
export interface IncomingLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly label: string;
  readonly service: string;
  /** Milliseconds since the Unix epoch. */
  readonly startUnixMs: number;
  /** The span of this trace. */
  readonly toSpanId: string;
}

/** The span that a span of this trace has a link to. */
export interface LinkTarget {
  readonly traceId: string;
  readonly spanId: string;
  readonly label: string;
  readonly service: string;
}

/** Answer of `GET /api/traces/{traceId}`. */
export interface TraceDocument {
  readonly summary: TraceSummary;
  readonly rows: readonly TraceRow[];
  /** With their times as they were sent. */
  readonly spans: readonly SpanJson[];
  readonly findings: readonly Finding[];
  /** In order of arrival. */
  readonly linkedFrom: readonly IncomingLink[];
  /** What the links of the first spans lead to, as far as it is still here; absent where there is nothing of it. */
  readonly linkTargets?: readonly LinkTarget[];
  /** What was logged inside the trace, in order of time. */
  readonly logs: readonly LogLine[];
}

/** `data:` of an `event: spans` on `GET /api/stream`, sent after spans or lines of a log are stored. */
export interface SpansEvent {
  /** Whose documents have changed. */
  readonly traceIds: readonly string[];
  readonly spanCount: number;
}

/** Answer of `GET /api/stats`. */
export interface CollectorStats {
  readonly store: "memory" | "sqlite";
  readonly traces: number;
  readonly spans: number;
  /** Spans refused because they were invalid or over a limit. */
  readonly rejectedSpans: number;
  /** Spans that their senders dropped before they could send them, as they said since this collector started. */
  readonly droppedBySenders: number;
  readonly evictedTraces: number;
  /** Log records received; those of a trace are kept in memory for a while. */
  readonly logRecords: number;
  /** Metric data points received; counted, not kept. */
  readonly metricPoints: number;
}

import type { IncomingLink, SpanRecord, SpansEvent, TraceSummary } from "@throughline/core";

/** Where spans are kept. Both kinds behave the same; `store-conformance.test.ts` holds them to it. */
export interface SpanStore {
  readonly kind: "memory" | "sqlite";
  /**
   * Stores spans, in any order and as often as senders retry: the last one with the same
   * (trace id, span id) holds. When it returns, the spans are committed and listeners have heard of them.
   */
  upsert(spans: readonly SpanRecord[]): UpsertResult;
  /** Every span of a trace, in order of arrival; empty when the trace is unknown. */
  getTrace(traceId: string): readonly SpanRecord[];
  /** The spans of other traces that have a link to this one. */
  linksTo(traceId: string): readonly IncomingLink[];
  /** Newest first. */
  list(filter: TraceFilter): readonly TraceSummary[];
  stats(): StoreStats;
  clear(): void;
  /** Calls back after each commit. */
  subscribe(listener: SpansListener): Stop;
  close(): void;
}

export interface UpsertResult {
  readonly stored: number;
  /** Spans of traces that have reached `maxSpansPerTrace`. */
  readonly refused: number;
}

export interface TraceFilter {
  readonly limit?: number | undefined;
  /** A `service.name` that takes part in the trace. */
  readonly service?: string | undefined;
  /**
   * Words, in any letter case, that must each occur in the trace: in its id, or in a label, name, service, message or
   * attribute of any of its spans. `key=value` looks into that one attribute.
   */
  readonly q?: string | undefined;
  /** The exact `test.case.id`. */
  readonly test?: string | undefined;
  /** Only traces with spans in error. */
  readonly errors?: boolean | undefined;
  /** Only traces whose work took as long as this, or longer. */
  readonly minMs?: number | undefined;
}

export interface StoreStats {
  readonly traces: number;
  readonly spans: number;
  readonly evictedTraces: number;
}

/** When the store gives up its oldest traces; bytes are an estimate of what spans take. */
export interface StoreLimits {
  readonly maxBytes: number;
  readonly maxTraces: number;
  readonly maxSpansPerTrace: number;
}

export type SpansListener = (event: SpansEvent) => void;
export type Stop = () => void;

export const DEFAULT_LIMITS: StoreLimits = {
  maxBytes: 256 * 1024 * 1024,
  maxTraces: 10_000,
  maxSpansPerTrace: 20_000,
};

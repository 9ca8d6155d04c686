import type { TraceDocument, TraceTree } from "@throughline/core";
import type { WireEntry } from "./wire.ts";

/** What the flush barriers reached, and what they could not. */
export interface SettleReport {
  /** Requests started when it ended; a later one makes the report stale. */
  readonly wirePosition: number;
  /** URLs still in flight at the deadline; empty: the wire was idle. */
  readonly busy: readonly string[];
  /** Pages whose tracer sent everything it had. */
  readonly flushedPages: number;
  /** Open pages without a flush hook (no tracer) or whose flush failed, by URL. */
  readonly unflushedPages: readonly string[];
  /** Those of them that were loaded and have no tracer, neither one that waits for consent nor one that was stopped. */
  readonly untracedPages: readonly string[];
  /** `flushed`: the app's server answered that every ended span is stored. Otherwise why not. */
  readonly server: "flushed" | "no token" | "no flush route" | `failed: ${string}`;
  readonly elapsedMs: number;
}

/** Everything an assertion judges, read at one moment. */
export interface Evidence {
  /** Traces of the scope; the ones that the interaction itself started come first. */
  readonly trees: readonly TraceTree[];
  /** How many of `trees` are main traces: of the interaction, else of the page, else of the server. */
  readonly mainCount: number;
  /** Traces of the same test that hang on none of them, server halves first. */
  readonly nearby: readonly TraceTree[];
  /** Requests since the scope began, in order of start. */
  readonly wire: readonly WireEntry[];
  /** The newest barrier, whatever it reached. */
  readonly barrier: SettleReport | undefined;
  /** The same, if the wire was idle then and no request has started since: what is missing now was never made. */
  readonly settled: SettleReport | undefined;
  readonly documents: readonly TraceDocument[];
  /** Where the spans are looked for. */
  readonly collectorUrl: string;
  /** What else a reader of a failure must know. */
  readonly notes: readonly string[];
}

/** `holds`: done · `hopeless`: proven never to hold · `open`: more may come. */
export interface Judgement<T> {
  readonly state: "holds" | "hopeless" | "open";
  readonly detail: T;
}

/** The end of a {@link TraceHandle.watch}. */
export interface Outcome<T> {
  readonly state: "holds" | "hopeless" | "timeout";
  readonly detail: T;
  readonly evidence: Evidence;
  readonly waitedMs: number;
}

/** The traces that one `otel.during` caused; grows while spans arrive. */
export interface TraceHandle {
  /** The traces as they stand after a flush, main traces first. */
  traces(): Promise<readonly TraceTree[]>;
  /** Judges the evidence again on every ingest until it holds, is hopeless, or the time is up (0: no limit). */
  watch<T>(judge: (evidence: Evidence) => Judgement<T>, timeoutMs: number): Promise<Outcome<T>>;
  /** Keeps a failure's text and traces for the attachments of a failed test. */
  report(text: string, documents: readonly TraceDocument[]): void;
}

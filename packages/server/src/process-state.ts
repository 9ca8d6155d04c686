import type { ContextManager, Tracer } from "@opentelemetry/api";
import type { Side } from "./coexistence/side.ts";
import type { Forwarder } from "./ingest/forward.ts";
import type { LogLine } from "./logs/log-line.ts";
import type { SpanCounts } from "./pipeline/sending.ts";
import type { Troubles } from "./pipeline/troubles.ts";
import type { BuiltApp, ServerConfig } from "./settings.ts";
import type { Tracing } from "./tracing.ts";

/** One that is patient does not ask a collector before the end of its `Retry-After`. */
export type Flusher = (isPatient?: boolean) => Promise<void>;

/** A flusher of what goes to one collector. */
export function flusherOf(isAskedToWait: () => boolean, flush: () => Promise<unknown>): Flusher {
  return async (isPatient) => {
    if (!isPatient || !isAskedToWait()) await flush();
  };
}

/** What the bundles of one process share. */
export interface ProcessState {
  /** Everything that must reach the collector before a flush is answered or the process ends. */
  readonly flushers: Set<Flusher>;
  /** Set by the first `register` or `startTracing`; later calls get the same promise. */
  tracing: Promise<Tracing> | undefined;
  /** Beside whom it is traced, and by which settings; `undefined` while tracing is off. */
  started: { readonly way: Side["way"]; readonly config: ServerConfig } | undefined;
  /** What became of the spans of this process; `undefined` while tracing is off. */
  spanCounts: (() => SpanCounts) | undefined;
  /** Marks the SERVER span of the current request as failed. */
  requestFailed: ((error: unknown, path: string) => void) | undefined;
  /** What `register` does, also in a process whose tracing began before Next.js, as in a custom server. */
  joinNext: ((app: BuiltApp) => void) | undefined;
  /** Our own tracer and context, in mode "isolate". */
  isolated: { readonly tracer: Tracer; readonly contexts: ContextManager } | undefined;
  forwarder: Forwarder | undefined;
  /** Requests that named a page's kept trace, and posts of pages' spans: who sends the one and not the other is blocked. */
  readonly pages: { requests: number; posts: number };
  /** What all that is sent has to say of its collectors. */
  troubles: Troubles | undefined;
  /** Sends a line to the collector; set while `OTEL_LOGS_EXPORTER=otlp`. */
  exportLog: ((line: LogLine) => void) | undefined;
  /** Takes `traceConsole` away; set while it is on. */
  untraceConsole: (() => void) | undefined;
  /** The newest warnings, for the doctor. */
  readonly warnings: string[];
  /** Warnings that were given; next.config, instrumentation.ts and the ingest route read the same settings. */
  readonly said: Set<string>;
}

const KEY = Symbol.for("throughline.server");

/**
 * The one record of this process. Next.js bundles this package once for instrumentation.ts and again for each
 * route, so a module variable would exist several times.
 */
export function processState(): ProcessState {
  const host = globalThis as { [KEY]?: ProcessState };
  host[KEY] ??= {
    flushers: new Set(),
    tracing: undefined,
    started: undefined,
    spanCounts: undefined,
    requestFailed: undefined,
    joinNext: undefined,
    isolated: undefined,
    forwarder: undefined,
    pages: { requests: 0, posts: 0 },
    troubles: undefined,
    exportLog: undefined,
    untraceConsole: undefined,
    warnings: [],
    said: new Set(),
  };
  return host[KEY];
}

/** Runs every flusher; one that fails does not hold back the others. */
export async function flushProcess(isPatient?: boolean): Promise<void> {
  await Promise.allSettled([...processState().flushers].map((flush) => flush(isPatient)));
}

/** Whether a flush may have something to send: spans that wait, or anything of logs, metrics and the browser's data. */
export function mayHaveWork(): boolean {
  const { flushers, spanCounts } = processState();
  // One of them is that of the spans.
  return flushers.size > 1 || spanCounts === undefined || spanCounts().waiting > 0;
}

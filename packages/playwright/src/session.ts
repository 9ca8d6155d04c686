import type { BrowserContext } from "@playwright/test";
import type { TraceDocument, TraceTree } from "@throughline/core";
import type { CollectorClient } from "./collector-client.ts";
import type { Evidence, Judgement, Outcome, SettleReport, TraceHandle } from "./evidence.ts";
import { type ScopeWindow, selectScope, traceIdsOf } from "./scope.ts";
import type { WireEntry, WireLog } from "./wire.ts";

/** The fixture that a test sees as `otel`. */
export interface Otel {
  /** `test.case.id` of this test's browser spans. */
  readonly testId: string;
  /** Watches a context that the test has made itself, as it does `context`; call it before that opens a page. */
  watch(context: BrowserContext): Promise<void>;
  /** Runs the callback and returns the traces it caused. */
  during(callback: () => unknown): Promise<TraceHandle>;
  /** Waits for an idle wire, then flushes the open pages and the app's server. */
  settle(): Promise<SettleReport>;
  /** Every trace this test owns, after a flush. */
  traces(): Promise<readonly TraceTree[]>;
  /** Every request of the test's pages so far, as it went over the wire. */
  requests(): readonly WireEntry[];
}

export interface Failure {
  readonly text: string;
  readonly documents: readonly TraceDocument[];
}

export interface Session {
  readonly otel: Otel;
  /** What failed assertions reported, in their order. */
  failures(): readonly Failure[];
  /** Every trace document this test owns, without a flush. */
  documents(): Promise<readonly TraceDocument[]>;
}

/** The page's clock in milliseconds since the Unix epoch, as the narrowest and the widest reading of it. */
export interface ClockReading {
  readonly least: number;
  readonly most: number;
}

export interface SessionDependencies {
  readonly testId: string;
  readonly client: Omit<CollectorClient, "stop">;
  readonly wire: Omit<WireLog, "watch" | "stop">;
  readonly watch: (context: BrowserContext) => Promise<void>;
  readonly settle: (deadlineMs: number) => Promise<SettleReport>;
  readonly readClock: () => Promise<ClockReading>;
  readonly notes: () => readonly string[];
}

const SETTLE_DEADLINE_MS = 2_000;

/** Ties one test's browser, wire and collector together; touches nothing until it is asked. */
export function createSession(dependencies: SessionDependencies): Session {
  const { testId, client, wire } = dependencies;
  const failures: Failure[] = [];
  const settle = async (deadlineMs: number): Promise<SettleReport> => {
    const report = await dependencies.settle(deadlineMs);
    client.refresh();
    return report;
  };
  const everything: ScopeWindow = {
    startUnixMs: 0,
    endUnixMs: Number.POSITIVE_INFINITY,
    fromOrder: 0,
    toOrder: Number.POSITIVE_INFINITY,
  };
  const flushedTraces = async (window: ScopeWindow): Promise<readonly TraceTree[]> => {
    const report = await settle(SETTLE_DEADLINE_MS);
    return (await readEvidence(dependencies, window, report)).trees;
  };
  const handle = (window: ScopeWindow): TraceHandle => ({
    traces: () => flushedTraces(window),
    watch: (judge, timeoutMs) => watch({ ...dependencies, settle }, window, judge, timeoutMs),
    report: (text, documents) => {
      failures.push({ text, documents });
    },
  });
  const otel: Otel = {
    testId,
    watch: dependencies.watch,
    during: async (callback) => {
      const before = await dependencies.readClock();
      const fromOrder = wire.position();
      await callback();
      const toOrder = wire.position();
      const after = await dependencies.readClock();
      return handle({ startUnixMs: before.least, endUnixMs: after.most, fromOrder, toOrder });
    },
    settle: () => settle(SETTLE_DEADLINE_MS),
    traces: () => flushedTraces(everything),
    requests: () => [...wire.entries()],
  };
  return {
    otel,
    failures: () => failures,
    documents: () => readDocuments(dependencies, everything),
  };
}

/**
 * Judges until the verdict is final. Nothing here polls: it looks again when the collector stored spans,
 * a request started or ended, or a flush was answered.
 */
async function watch<T>(
  dependencies: SessionDependencies,
  window: ScopeWindow,
  judge: (evidence: Evidence) => Judgement<T>,
  timeoutMs: number,
): Promise<Outcome<T>> {
  const startedAt = performance.now();
  const limitMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs;
  const waitedMs = (): number => performance.now() - startedAt;
  const bell = createBell();
  const settler = createSettler(dependencies, bell.ring);
  const stops = [dependencies.client.subscribe(bell.ring), dependencies.wire.onChange(bell.ring)];
  // The timer decides, not the clock: it may fire a moment before the clock has moved that far, and only once.
  let expired = false;
  const expire = (): void => {
    expired = true;
    bell.ring();
  };
  const timer = Number.isFinite(limitMs) ? setTimeout(expire, limitMs) : undefined;
  try {
    for (;;) {
      const last = expired;
      const evidence = await readEvidence(dependencies, window, settler.report());
      const { state, detail } = judge(evidence);
      if (state !== "open") return { state, detail, evidence, waitedMs: waitedMs() };
      if (last) return { state: "timeout", detail, evidence, waitedMs: waitedMs() };
      settler.settleAgain(evidence, Math.min(SETTLE_DEADLINE_MS, limitMs - waitedMs()));
      await bell.next();
    }
  } finally {
    clearTimeout(timer);
    for (const stop of stops) stop();
  }
}

interface Settler {
  report(): SettleReport | undefined;
  /** Starts a barrier unless one is under way or nothing is new since the last. */
  settleAgain(evidence: Evidence, deadlineMs: number): void;
}

function createSettler({ settle, wire }: SessionDependencies, onDone: () => void): Settler {
  let report: SettleReport | undefined;
  let seen: string | undefined;
  let running = false;
  return {
    report: () => report,
    settleAgain: (evidence, deadlineMs) => {
      const spans = evidence.documents.map((document) => document.spans.length);
      const now = `${wire.position()} ${wire.inFlight().length} ${spans.join(" ")}`;
      if (running || now === seen || deadlineMs <= 0) return;
      seen = now;
      running = true;
      settle(deadlineMs)
        .then((done) => {
          report = done;
        })
        .finally(() => {
          running = false;
          onDone();
        })
        // A barrier that could not run leaves the report as it was; the assertion then waits for its timeout.
        .catch(() => undefined);
    },
  };
}

async function readEvidence(
  dependencies: SessionDependencies,
  window: ScopeWindow,
  barrier: SettleReport | undefined,
): Promise<Evidence> {
  const { client, wire, testId, notes } = dependencies;
  client.assertAlive();
  const entries = wire.entries().filter((entry) => entry.order >= window.fromOrder);
  // Compared before reading: a barrier is worth only what is read after it.
  const idle = barrier?.busy.length === 0 && barrier.wirePosition === wire.position();
  const documents = await readDocuments(dependencies, window);
  const scope = selectScope(testId, documents, entries, window);
  const shown = new Set([...scope.trees, ...scope.nearby].map((tree) => tree.traceId));
  return {
    ...scope,
    wire: entries,
    barrier,
    settled: idle ? barrier : undefined,
    documents: documents.filter((document) => shown.has(document.summary.traceId)),
    collectorUrl: client.url,
    notes: notes(),
  };
}

async function readDocuments(
  { client, wire, testId }: SessionDependencies,
  window: ScopeWindow,
): Promise<readonly TraceDocument[]> {
  const asked = wire.entries().filter((entry) => entry.order >= window.fromOrder);
  const ids = new Set([...(await client.traceIdsOf(testId)), ...asked.flatMap(traceIdsOf)]);
  const documents = await Promise.all([...ids].map((traceId) => client.document(traceId)));
  return documents.filter((document) => document !== undefined);
}

interface Bell {
  readonly ring: () => void;
  /** Resolves at the next ring, at once if it rang since the last call. */
  next(): Promise<void>;
}

function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      rung = true;
      wake?.();
    },
    next: async () => {
      if (!rung) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      rung = false;
    },
  };
}

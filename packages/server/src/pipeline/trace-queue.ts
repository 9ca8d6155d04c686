import type { EncodedSpan } from "./otlp/span-encoder.ts";

/** Spans that leave together. */
export interface Batch {
  readonly spans: readonly EncodedSpan[];
  /** What they hold of the queue's bytes until {@link TraceQueue.release}. */
  readonly heldBytes: number;
}

interface Limits {
  readonly maxSpans: number;
  readonly maxBytes: number;
}

/** Encoded spans that wait, by trace, within a bound of bytes that counts what is being sent too. */
export interface TraceQueue {
  /** Returns how many spans were dropped for it, the new one perhaps among them. */
  add(traceId: string, span: EncodedSpan): number;
  /** The oldest spans, whole traces where they fit, at least one; `undefined` when nothing waits. */
  take(limits: Limits): Batch | undefined;
  /** The batch is sent or given up; its bytes are free. */
  release(batch: Batch): void;
  /** Spans that wait. */
  count(): number;
  /** Bytes that wait or are being sent. */
  bytes(): number;
}

interface WaitingTrace {
  readonly spans: EncodedSpan[];
  heldBytes: number;
}

/** What a span costs beside its bytes: three objects and their places in lists and maps. */
const OVERHEAD_BYTES = 250;
/** How many trace ids are remembered after their spans have left or were dropped. */
const REMEMBERED = 4096;

interface State {
  /** Traces of which nothing has left. */
  readonly whole: Map<string, WaitingTrace>;
  /** Traces of which a part has left. */
  readonly begun: Map<string, WaitingTrace>;
  readonly sent: RememberedIds;
  readonly dropped: RememberedIds;
  count: number;
  bytes: number;
}

interface Draft {
  spans: EncodedSpan[];
  heldBytes: number;
}

/**
 * A queue that drops whole traces, the oldest first; of a trace that has been sent in part it drops the rest only
 * when there is nothing else. What comes later of a dropped trace is dropped too, until the queue has been empty:
 * half a trace misleads, a missing one is only missing.
 */
export function createTraceQueue(maxBytes: number): TraceQueue {
  const state: State = {
    whole: new Map(),
    begun: new Map(),
    sent: rememberIds(),
    dropped: rememberIds(),
    count: 0,
    bytes: 0,
  };
  return {
    add(traceId, span): number {
      if (state.dropped.has(traceId)) return 1;
      const isFilling = state.bytes > maxBytes / 2;
      insert(state, traceId, isFilling && state.sent.has(traceId) ? alone(span) : span);
      return makeRoom(state, maxBytes);
    },
    take(limits): Batch | undefined {
      const batch: Draft = { spans: [], heldBytes: 0 };
      // What has begun first: its trace becomes whole where it went.
      if (moveTraces(state, state.begun, batch, limits)) moveTraces(state, state.whole, batch, limits);
      state.count -= batch.spans.length;
      return batch.spans.length > 0 ? batch : undefined;
    },
    release(batch): void {
      state.bytes -= batch.heldBytes;
      if (state.bytes === 0) state.dropped.clear();
    },
    count: () => state.count,
    bytes: () => state.bytes,
  };
}

/** With bytes of its own: what stays while others are dropped must not keep the memory that they shared with it. */
function alone(span: EncodedSpan): EncodedSpan {
  return { ...span, bytes: span.bytes.slice() };
}

function heldBytesOf(span: EncodedSpan): number {
  return span.bytes.length + OVERHEAD_BYTES;
}

function insert(state: State, traceId: string, span: EncodedSpan): void {
  const traces = state.sent.has(traceId) ? state.begun : state.whole;
  const held = heldBytesOf(span);
  const trace = traces.get(traceId);
  if (trace) {
    trace.spans.push(span);
    trace.heldBytes += held;
  } else {
    traces.set(traceId, { spans: [span], heldBytes: held });
  }
  state.count += 1;
  state.bytes += held;
}

function makeRoom(state: State, maxBytes: number): number {
  let gone = 0;
  while (state.bytes > maxBytes && state.count > 0) {
    const traces = state.whole.size > 0 ? state.whole : state.begun;
    // Only asked while something waits.
    const [traceId, { spans, heldBytes }] = traces.entries().next().value as [string, WaitingTrace];
    traces.delete(traceId);
    state.dropped.add(traceId);
    state.count -= spans.length;
    state.bytes -= heldBytes;
    gone += spans.length;
  }
  return gone;
}

/** Returns whether all of them fitted. */
function moveTraces(state: State, traces: Map<string, WaitingTrace>, batch: Draft, limits: Limits): boolean {
  for (const [traceId, trace] of traces) {
    if (!fits(trace, batch, limits)) {
      if (batch.spans.length === 0) splitOff(state, traceId, batch, limits);
      return false;
    }
    traces.delete(traceId);
    state.sent.add(traceId);
    for (const span of trace.spans) batch.spans.push(span);
    batch.heldBytes += trace.heldBytes;
  }
  return true;
}

/** A trace larger than a batch leaves in several; from now on it has been sent in part. */
function splitOff(state: State, traceId: string, batch: Draft, limits: Limits): void {
  const trace = state.begun.get(traceId) ?? state.whole.get(traceId);
  if (!trace) return;
  state.whole.delete(traceId);
  state.begun.delete(traceId);
  state.sent.add(traceId);
  let end = 0;
  for (const span of trace.spans) {
    const held = heldBytesOf(span);
    if (end === limits.maxSpans || (end > 0 && batch.heldBytes + held > limits.maxBytes)) break;
    batch.heldBytes += held;
    end += 1;
  }
  batch.spans = trace.spans.splice(0, end);
  trace.heldBytes -= batch.heldBytes;
  if (trace.spans.length > 0) state.begun.set(traceId, trace);
}

function fits(trace: WaitingTrace, batch: Draft, limits: Limits): boolean {
  return (
    batch.spans.length + trace.spans.length <= limits.maxSpans &&
    batch.heldBytes + trace.heldBytes <= limits.maxBytes
  );
}

interface RememberedIds {
  add(id: string): void;
  has(id: string): boolean;
  clear(): void;
}

/** A set that forgets its oldest. */
function rememberIds(): RememberedIds {
  const ids = new Set<string>();
  return {
    add(id): void {
      ids.add(id);
      if (ids.size > REMEMBERED) ids.delete(ids.values().next().value as string);
    },
    has: (id) => ids.has(id),
    clear: () => ids.clear(),
  };
}

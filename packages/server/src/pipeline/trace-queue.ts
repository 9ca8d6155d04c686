import type { EncodedSpan } from "./otlp/span-encoder.ts";

/** A span that waits, with what it says of its place in the trace. */
export interface QueuedSpan extends EncodedSpan {
  readonly id: string;
  /** Of the span of this process that it hangs on. */
  readonly parentId: string | undefined;
}

/** Spans that leave together. */
export interface Batch {
  readonly spans: readonly QueuedSpan[];
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
  add(traceId: string, span: QueuedSpan): number;
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
  readonly spans: QueuedSpan[];
  heldBytes: number;
}

type Traces = Map<string, WaitingTrace>;

/** What a span costs beside its bytes: three objects, their places in lists and maps, and its ids. */
const OVERHEAD_BYTES = 300;
/** How many ids of traces are remembered after their spans have left or were dropped. */
const REMEMBERED = 4096;
/** How many ids of spans that are to come. */
const REMEMBERED_SPANS = 16_384;

interface State {
  /** Traces of which nothing has left. */
  readonly whole: Traces;
  /** Traces of which a part has left. */
  readonly begun: Traces;
  /** Of traces of which a part has left and a part was dropped: what the part that left hangs on. */
  readonly kept: Traces;
  readonly sent: RememberedIds;
  readonly dropped: RememberedIds;
  /** Spans that one hangs on which has left, or is kept; they have not left themselves. */
  readonly needed: RememberedIds;
  count: number;
  bytes: number;
}

interface Draft {
  spans: QueuedSpan[];
  heldBytes: number;
}

/**
 * A queue that drops whole traces, the oldest first: half a trace misleads, a missing one is only missing. Where there
 * are none of which nothing has left, a trace loses the spans on which nothing hangs that has left; those that are
 * needed go last, when they and what is on its way fill the queue alone. What comes later of a trace that has lost
 * something is dropped too, unless it is needed, until the queue has been empty.
 */
export function createTraceQueue(maxBytes: number): TraceQueue {
  const state: State = {
    whole: new Map(),
    begun: new Map(),
    kept: new Map(),
    sent: rememberIds(REMEMBERED),
    dropped: rememberIds(REMEMBERED),
    needed: rememberIds(REMEMBERED_SPANS),
    count: 0,
    bytes: 0,
  };
  return {
    add(traceId, span): number {
      if (state.dropped.has(traceId) && !state.needed.has(span.id)) return 1;
      const isFilling = state.bytes > maxBytes / 2;
      insert(state, traceId, isFilling && state.sent.has(traceId) ? alone(span) : span);
      return makeRoom(state, maxBytes);
    },
    take(limits): Batch | undefined {
      const batch: Draft = { spans: [], heldBytes: 0 };
      // What has begun first: its trace becomes whole where it went.
      [state.kept, state.begun, state.whole].every((traces) => moveTraces(state, traces, batch, limits));
      state.count -= batch.spans.length;
      for (const { parentId } of batch.spans) need(state, parentId);
      for (const { id } of batch.spans) state.needed.delete(id);
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

function need({ needed }: State, id: string | undefined): void {
  if (id !== undefined) needed.add(id);
}

/** With bytes of its own: what stays while others are dropped must not keep the memory that they shared with it. */
function alone(span: QueuedSpan): QueuedSpan {
  return { ...span, bytes: span.bytes.slice() };
}

function heldBytesOf(span: EncodedSpan): number {
  return span.bytes.length + OVERHEAD_BYTES;
}

function insert(state: State, traceId: string, span: QueuedSpan): void {
  const held = heldBytesOf(span);
  const isKept = state.dropped.has(traceId);
  if (isKept) need(state, span.parentId);
  const traces = isKept ? state.kept : state.sent.has(traceId) ? state.begun : state.whole;
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
    // Both are there while something waits.
    const traces = [state.whole, state.begun, state.kept].find(({ size }) => size > 0) as Traces;
    const [traceId, trace] = traces.entries().next().value as [string, WaitingTrace];
    traces.delete(traceId);
    state.dropped.add(traceId);
    state.count -= trace.spans.length;
    state.bytes -= trace.heldBytes;
    const kept = traces === state.begun ? neededOf(state, trace.spans) : [];
    for (const span of kept) insert(state, traceId, alone(span));
    gone += trace.spans.length - kept.length;
  }
  return gone;
}

/** Those on which something hangs that has left, and what they hang on themselves. */
function neededOf(state: State, spans: readonly QueuedSpan[]): readonly QueuedSpan[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const kept = new Set<QueuedSpan>();
  for (const { id } of spans) {
    let span = state.needed.has(id) ? byId.get(id) : undefined;
    while (span && !kept.has(span)) {
      kept.add(span);
      span = span.parentId === undefined ? undefined : byId.get(span.parentId);
    }
  }
  return [...kept];
}

/** Returns whether all of them fitted. */
function moveTraces(state: State, traces: Traces, batch: Draft, limits: Limits): boolean {
  for (const [traceId, trace] of traces) {
    if (!fits(trace, batch, limits)) {
      if (batch.spans.length === 0) splitOff(state, { traceId, trace, traces }, batch, limits);
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
function splitOff(
  state: State,
  { traceId, trace, traces }: { traceId: string; trace: WaitingTrace; traces: Traces },
  batch: Draft,
  limits: Limits,
): void {
  traces.delete(traceId);
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
  if (trace.spans.length > 0) (traces === state.kept ? traces : state.begun).set(traceId, trace);
}

function fits(trace: WaitingTrace, batch: Draft, limits: Limits): boolean {
  return (
    batch.spans.length + trace.spans.length <= limits.maxSpans &&
    batch.heldBytes + trace.heldBytes <= limits.maxBytes
  );
}

interface RememberedIds {
  /** As the newest. */
  add(id: string): void;
  has(id: string): boolean;
  delete(id: string): void;
  clear(): void;
}

/** A set that forgets its oldest. */
function rememberIds(most: number): RememberedIds {
  const ids = new Set<string>();
  return {
    add(id): void {
      ids.delete(id);
      ids.add(id);
      if (ids.size > most) ids.delete(ids.values().next().value as string);
    },
    has: (id) => ids.has(id),
    delete: (id) => void ids.delete(id),
    clear: () => ids.clear(),
  };
}

import { AsyncLocalStorage } from "node:async_hooks";
import {
  MAX_LANES,
  MAX_RETRY_AFTER_MS,
  MAX_RETRY_DELAY_MS,
  notReached,
  type Outcome,
} from "./delivery/sender.ts";
import type { SpanEncoder } from "./otlp/span-encoder.ts";
import { type Batch, createTraceQueue, type TraceQueue } from "./trace-queue.ts";
import type { Trouble } from "./troubles.ts";

export interface BatchOptions {
  readonly encoder: SpanEncoder;
  readonly send: (body: Uint8Array) => Promise<Outcome>;
  /** Frees what `send` holds. */
  readonly close: () => void;
  readonly trouble: Trouble;
  /** The collector, as messages name it. */
  readonly where: string;
  /** How long a span waits for others. */
  readonly delayMs: number;
  /** This many leave at once, and no more together. */
  readonly maxBatchSpans: number;
  /** What may wait or be on its way. */
  readonly queueMaxBytes: number;
  /** First wait after a failure; it doubles from one to the next. */
  readonly retryDelayMs?: number;
}

/** What became of the spans so far: `created` is the sum of the others. */
export interface SpanCounts {
  readonly created: number;
  readonly sent: number;
  /** Answered with partial success. */
  readonly rejected: number;
  readonly dropped: number;
  /** Waiting or on their way. */
  readonly waiting: number;
}

/** Uncompressed; below what proxies take at most when nobody has set them up: 1 MiB. */
export const MAX_BATCH_BYTES: number = 512 * 1024;
/** A batch that the collector was reached with this often and never took may be what ails it. */
const MAX_TRIES = 8;

interface Departure {
  readonly batch: Batch;
  /** How often the collector was reached with it in vain. */
  readonly tries: number;
}

/** The spans of a process on their way to the collector. */
export interface Sending {
  readonly options: BatchOptions;
  readonly queue: TraceQueue;
  /** Runs its argument outside of every request; a timer made within one would carry that request's context. */
  readonly outside: (run: () => void) => void;
  /** To be sent again, before anything else. */
  readonly again: Departure[];
  readonly underway: Set<Promise<void>>;
  underwaySpans: number;
  created: number;
  sent: number;
  rejected: number;
  dropped: number;
  /** Dropped and not yet told to a collector. */
  untold: number;
  /** Failures since the last success, and since the start. */
  failures: number;
  failuresEver: number;
  /** The delay of a batch has passed, or a flush wants everything. */
  due: boolean;
  delay: NodeJS.Timeout | undefined;
  backoff: NodeJS.Timeout | undefined;
  /** The end of the collector's last `Retry-After`, on the clock of `performance.now`. */
  askedUntil: number;
  /** A flush sends before the wait after a failure is over. */
  isEarly: boolean;
  isWoken: boolean;
  isStopped: boolean;
}

export function createSending(options: BatchOptions): Sending {
  return {
    options,
    queue: createTraceQueue(options.queueMaxBytes),
    outside: AsyncLocalStorage.snapshot(),
    again: [],
    underway: new Set(),
    underwaySpans: 0,
    created: 0,
    sent: 0,
    rejected: 0,
    dropped: 0,
    untold: 0,
    failures: 0,
    failuresEver: 0,
    due: false,
    delay: undefined,
    backoff: undefined,
    askedUntil: 0,
    isEarly: false,
    isWoken: false,
    isStopped: false,
  };
}

/** Sees to it that what waits is sent in time. */
export function wake(state: Sending): void {
  if (state.backoff) return;
  if (state.queue.count() >= state.options.maxBatchSpans) {
    // Whoever comes back sends the next.
    if (state.isWoken || state.underway.size >= lanesOf(state)) return;
    state.isWoken = true;
    state.outside(() =>
      setImmediate(() => {
        state.isWoken = false;
        pump(state);
      }),
    );
    return;
  }
  if (state.delay) return;
  state.outside(() => {
    state.delay = setTimeout(() => {
      state.delay = undefined;
      state.due = true;
      pump(state);
    }, state.options.delayMs).unref();
  });
}

/** Sends what is to be sent. */
export function pump(state: Sending): void {
  if (state.backoff || state.isStopped) return;
  while (state.underway.size < lanesOf(state)) {
    const next = state.again.shift() ?? nextBatch(state);
    if (!next) break;
    depart(state, next);
  }
  if (state.queue.count() > 0) wake(state);
}

/** How many batches may be on their way together: while the collector fails, one. */
function lanesOf({ failures }: Sending): number {
  return failures > 0 ? 1 : MAX_LANES;
}

function nextBatch(state: Sending): Departure | undefined {
  const { queue, options } = state;
  if (!state.due && queue.count() < options.maxBatchSpans) return undefined;
  const batch = queue.take({ maxSpans: options.maxBatchSpans, maxBytes: MAX_BATCH_BYTES });
  if (queue.count() === 0) state.due = false;
  return batch && { batch, tries: 0 };
}

export function depart(state: Sending, departure: Departure): void {
  const spans = departure.batch.spans.length;
  state.underwaySpans += spans;
  const done = deliver(state, departure).finally(() => {
    state.underway.delete(done);
    state.underwaySpans -= spans;
    pump(state);
  });
  state.underway.add(done);
}

async function deliver(state: Sending, { batch, tries }: Departure): Promise<void> {
  const { untold: told, isEarly } = state;
  state.untold = 0;
  const outcome = await attempt(state.options, batch, told);
  // Its spans were counted as dropped.
  if (state.isStopped) return;
  if (outcome.kind === "taken") {
    state.queue.release(batch);
    arrived(state, batch.spans.length, outcome);
    return;
  }
  state.untold += told;
  if (outcome.kind === "later") {
    postpone(state, outcome);
    const triesNow = tries + (outcome.reached && !isEarly ? 1 : 0);
    if (triesNow < MAX_TRIES && batch.spans.length > 0) {
      state.again.push({ batch, tries: triesNow });
      return;
    }
  }
  state.queue.release(batch);
  lose(state, batch.spans.length, outcome.reason, outcome.cure);
}

async function attempt({ encoder, send }: BatchOptions, batch: Batch, told: number): Promise<Outcome> {
  try {
    return await send(encoder.request(batch.spans, told));
  } catch (error) {
    return notReached(error, true);
  }
}

function arrived(state: Sending, spans: number, { rejected, message }: Outcome & { kind: "taken" }): void {
  const { where, trouble } = state.options;
  const refused = Math.min(rejected, spans);
  state.askedUntil = 0;
  state.sent += spans - refused;
  state.rejected += refused;
  if (state.failures > 0) {
    state.failures = 0;
    trouble.over(
      `the collector at ${where} takes spans again; ${state.dropped} were dropped since the start.`,
    );
  }
  if (refused > 0 || message !== "") {
    trouble.warn(
      `the collector at ${where} took a batch without ${refused} of its ${spans} spans: ${message || "no reason given"}; ${state.rejected} were rejected since the start.`,
    );
  }
}

function postpone(state: Sending, { reason, cure, afterMs }: Outcome & { kind: "later" }): void {
  const { where, trouble, retryDelayMs = 1000 } = state.options;
  const wasDropped = state.dropped > 0 ? `, ${state.dropped} were dropped so far` : "";
  trouble.warn(
    `the collector at ${where} takes no spans now: ${reason}. ${countsOf(state).waiting} wait${wasDropped}. ${cure}; they are sent as soon as it takes them.`,
  );
  state.failuresEver += 1;
  // Batches that left together fail together.
  if (state.backoff) return;
  state.failures += 1;
  const grown = Math.min(retryDelayMs * 2 ** (state.failures - 1), MAX_RETRY_DELAY_MS);
  // Processes that failed together must not come back together.
  const askedMs = Math.min(afterMs ?? 0, MAX_RETRY_AFTER_MS);
  if (askedMs > 0) state.askedUntil = performance.now() + askedMs;
  const waitMs = askedMs || grown * (0.8 + 0.4 * Math.random());
  state.outside(() => {
    state.backoff = setTimeout(() => {
      state.backoff = undefined;
      state.due = true;
      pump(state);
    }, waitMs).unref();
  });
}

export function lose(state: Sending, spans: number, reason: string, cure?: string): void {
  state.dropped += spans;
  state.untold += spans;
  const help = cure === undefined ? "" : ` ${cure}.`;
  state.options.trouble.warn(
    `spans for ${state.options.where} are dropped, ${state.dropped} since the start: ${reason}.${help}`,
  );
}

export function countsOf(state: Sending): SpanCounts {
  const { created, sent, rejected, dropped } = state;
  const again = state.again.reduce((sum, { batch }) => sum + batch.spans.length, 0);
  // What a stop found waiting was counted as dropped.
  const waiting = state.isStopped ? 0 : state.queue.count() + state.underwaySpans + again;
  return { created, sent, rejected, dropped, waiting };
}

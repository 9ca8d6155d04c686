import { depart, MAX_BATCH_BYTES, pump, type Sending } from "./sending.ts";

/** How long a flush keeps a process alive that has nothing else to do, and a shutdown waits. */
export const FLUSH_MS: number = 1000;

/** Sends everything that has ended, once; resolves when it was answered or one answer was bad. */
export async function flush(state: Sending): Promise<void> {
  const keptAlive = setTimeout(() => undefined, FLUSH_MS);
  const failuresBefore = state.failuresEver;
  const goesWell = (): boolean => state.failuresEver === failuresBefore && !state.isStopped;
  const sendNow = async (): Promise<void> => {
    // Too soon to say that the collector never takes it.
    state.isEarly = state.backoff !== undefined;
    clearTimeout(state.backoff);
    state.backoff = undefined;
    state.outside(() => pump(state));
    state.isEarly = false;
    await Promise.all(state.underway);
  };
  try {
    if (state.failures > 0) {
      state.due = true;
      await sendNow();
      if (!goesWell()) return;
    }
    // What ends from now on is not waited for, or a busy process would never be flushed.
    cutAll(state);
    do await sendNow();
    while (goesWell() && state.again.length > 0);
    // The last of them left when others arrived.
    await Promise.all(state.underway);
    if (goesWell() && state.untold > 0) {
      state.outside(() => depart(state, { batch: { spans: [], heldBytes: 0 }, tries: 0 }));
      await Promise.all(state.underway);
    }
  } finally {
    clearTimeout(keptAlive);
  }
}

function cutAll(state: Sending): void {
  const limits = { maxSpans: state.options.maxBatchSpans, maxBytes: MAX_BATCH_BYTES };
  for (let batch = state.queue.take(limits); batch; batch = state.queue.take(limits)) {
    state.again.push({ batch, tries: 0 });
  }
}

import type { ForwardTarget } from "../pipeline/delivery/create-sender.ts";
import {
  MAX_RETRY_AFTER_MS,
  MAX_RETRY_DELAY_MS,
  type Outcome,
  type Sender,
} from "../pipeline/delivery/sender.ts";
import { printUrl } from "../pipeline/signal-target.ts";
import type { Trouble } from "../pipeline/troubles.ts";
import type { Flusher } from "../process-state.ts";

export interface Parcel extends ForwardTarget {
  readonly body: Uint8Array;
}

export interface Forwarder {
  /** Takes a parcel and returns at once; `done` resolves when it was delivered, dropped or queued for later. */
  send(parcel: Parcel): { readonly done: Promise<void> };
  /** Resolves when each parcel on the way has been answered and each waiting one was tried once more, if it may be. */
  readonly flush: Flusher;
}

export interface ForwarderOptions {
  /** What posts to one address of the collector; asked once for each address and type, again where it threw. */
  readonly open: (parcel: Parcel) => Sender;
  readonly trouble: Trouble;
  /** What may wait while the collector is down, and as much again be on its way; beyond it the oldest go. */
  readonly queueMaxBytes?: number;
  readonly retryDelayMs?: number;
}

/** Waiting, and as many on their way: a small one takes more memory than its bytes. */
const MOST_POSTS = 10_000;

/** Posts the browser's data to the collector, keeping a bounded queue while it is down. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const { queueMaxBytes = 8 * 1024 * 1024, retryDelayMs = 1000, trouble } = options;
  const senderOf = openOnce(options.open);
  const waiting: Parcel[] = [];
  const underway = trackUnderway(queueMaxBytes);
  let waitingBytes = 0;
  const told: Told = { posts: 0, items: 0, isDelayed: false };
  let foundNoRoom = false;
  let delayMs = retryDelayMs;
  let timer: NodeJS.Timeout | undefined;
  /** The end of the collector's last `Retry-After`, on the clock of `performance.now`. */
  let askedUntil = 0;

  const wait = (parcel: Parcel, delay: Delay): void => {
    waiting.push(parcel);
    waitingBytes += parcel.body.byteLength;
    while (waitingBytes > queueMaxBytes || waiting.length > MOST_POSTS) {
      waitingBytes -= waiting.shift()?.body.byteLength ?? 0;
      told.posts += 1;
    }
    tellDelay(trouble, parcel, delay, told, waiting.length);
    const askedMs = Math.min(delay.afterMs ?? 0, MAX_RETRY_AFTER_MS);
    if (askedMs > 0) askedUntil = performance.now() + askedMs;
    if (timer) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        delayMs = Math.min(delayMs * 2, MAX_RETRY_DELAY_MS);
        retry();
      },
      Math.max(delayMs, askedMs),
    );
    // A collector that is down must not keep the process alive.
    timer.unref();
  };

  const deliver = async (parcel: Parcel): Promise<void> => {
    const outcome = await attempt(senderOf, parcel);
    if (outcome.kind === "later") return wait(parcel, outcome);
    delayMs = retryDelayMs;
    // It answers: what waited for that need not wait for the timer. Later, because this delivery still counts.
    if (waiting.length > 0) setImmediate(retry);
    tellEnd(trouble, parcel, outcome, told);
  };

  const send = (parcel: Parcel): { readonly done: Promise<void> } => {
    const { byteLength } = parcel.body;
    if (underway.hasRoom(byteLength)) return { done: underway.add(deliver(parcel), byteLength) };
    foundNoRoom = true;
    wait(parcel, { reason: "it has not answered yet for what it got", cure: SLOW });
    return { done: Promise.resolve() };
  };

  const retry = (): void => {
    waitingBytes = 0;
    for (const parcel of waiting.splice(0)) send(parcel);
  };

  return {
    send,
    async flush(isPatient): Promise<void> {
      do {
        foundNoRoom = false;
        if (!isPatient || performance.now() >= askedUntil) retry();
        await underway.settled();
      } while (foundNoRoom);
    },
  };
}

/** Since the start. */
interface Told {
  /** Dropped. */
  posts: number;
  /** Rejected, of posts that were taken. */
  items: number;
  /** Something had to wait, and nothing was taken since. */
  isDelayed: boolean;
}

function tellDelay(
  { warn }: Trouble,
  { url }: Parcel,
  { reason, cure }: Delay,
  told: Told,
  waiting: number,
): void {
  told.isDelayed = true;
  const lost = told.posts > 0 ? `, ${told.posts} were dropped so far` : "";
  warn(
    `the collector at ${printUrl(url)} does not take the browser's data: ${reason}; ${waiting} posts wait${lost}. ${cure}.`,
  );
}

function tellEnd(
  { warn, over }: Trouble,
  { url }: Parcel,
  outcome: Exclude<Outcome, Later>,
  told: Told,
): void {
  if (outcome.kind === "refused") {
    told.posts += 1;
    warn(
      `the collector at ${printUrl(url)} refused the browser's data: ${outcome.reason}; ${told.posts} posts were dropped so far. ${outcome.cure}.`,
    );
    return;
  }
  if (told.isDelayed) {
    told.isDelayed = false;
    over(
      `the collector at ${printUrl(url)} takes the browser's data again; ${told.posts} posts were dropped so far.`,
    );
  }
  if (outcome.rejected > 0) {
    told.items += outcome.rejected;
    warn(
      `the collector at ${printUrl(url)} rejected ${told.items} items of the browser's data so far: ${outcome.message || "no reason given"}.`,
    );
  }
}

/** What was posted and is not answered yet. */
function trackUnderway(maxBytes: number) {
  const deliveries = new Set<Promise<void>>();
  let held = 0;
  return {
    hasRoom: (bytes: number): boolean =>
      deliveries.size === 0 || (held + bytes <= maxBytes && deliveries.size < MOST_POSTS),
    add(delivery: Promise<void>, bytes: number): Promise<void> {
      held += bytes;
      const done = delivery.finally(() => {
        held -= bytes;
        deliveries.delete(done);
      });
      deliveries.add(done);
      return done;
    },
    settled: () => Promise.all(deliveries),
  };
}

function openOnce(open: ForwarderOptions["open"]): ForwarderOptions["open"] {
  const senders = new Map<string, Sender>();
  return (parcel) => {
    const { signal, protocol, contentType, url, headers } = parcel;
    const key = JSON.stringify([signal, protocol, contentType, url, headers]);
    const sender = senders.get(key) ?? open(parcel);
    senders.set(key, sender);
    return sender;
  };
}

type Later = Extract<Outcome, { kind: "later" }>;
type Delay = Pick<Later, "reason" | "cure" | "afterMs">;

const SLOW = "Look whether it is overloaded; they are sent as soon as it answers";

async function attempt(senderOf: (parcel: Parcel) => Sender, parcel: Parcel): Promise<Outcome> {
  try {
    return await senderOf(parcel).send(parcel.body);
  } catch (error) {
    // A certificate that cannot be read: its message says what to do.
    return { kind: "later", reason: String(error), cure: "The posts go once that is mended", reached: false };
  }
}

import type { Later } from "../later.ts";
import type { Stop } from "../patch-method.ts";

// Chromium refuses a keepalive fetch above 64 KiB or nine of them in flight, all of the page's together:
// https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
const KEEPALIVE_BYTES = 60 * 1024;
/** Large posts in the middle of a page's life leave the budget to the spans of its end. */
const EARLY_KEEPALIVE_BYTES = 12 * 1024;
const KEEPALIVE_POSTS = 9;
/** Of a post, and of an endpoint that does not answer: an ad blocker, or nothing listens. */
const TRIES = 3;
const BACKOFF_MS = 1000;
const MAX_WAIT_MS = 10_000;
const RETRYABLE: readonly number[] = [429, 502, 503, 504];

export interface Delivery {
  /** Resolves when the endpoint took the body, or with the reason why it never will. */
  deliver(body: string, isLate?: boolean): Promise<string | undefined>;
  /** The page may go: tries again now whatever waits, and holds what may not arrive. */
  hurry(): void;
  /** Whether the first answer of the endpoint is still awaited; until then one post is on its way at a time. */
  inDoubt(): boolean;
}

/** Keeps a post for the next page load; the result forgets it. */
export type Hold = (body: string) => Stop | undefined;

/** `why` is missing when all went well, `wait` when another try is of no use. */
interface Outcome {
  readonly wait?: number;
  readonly why?: string | undefined;
}

interface Post {
  readonly body: string;
  readonly size: number;
  keepalive: boolean;
  /** The page may go before this is answered. */
  isLate: boolean;
  /** Keepalive failed, perhaps only because the page's own requests use up the budget. */
  plain?: boolean;
  wake?: Stop | undefined;
  forget?: Stop | undefined;
}

export interface DeliveryOptions {
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly later: Later;
  readonly hold: Hold;
}

/** Posts JSON with `keepalive` while the browser's budget lasts, and again after a failure that may pass. */
export function createDelivery({ url, fetch, later, hold }: DeliveryOptions): Delivery {
  const pending = new Set<Post>();
  const budget = createKeepaliveBudget();
  const tries = createTries();

  async function send(post: Post, attempt: number): Promise<Outcome> {
    const { body, isLate } = post;
    // Not only near the end: a navigation cancels every other post that is on its way.
    const keepalive = budget.fits(post);
    const giveBack = budget.take(keepalive ? post : undefined);
    post.keepalive = keepalive;
    tries.begin();
    let isAnswered: boolean | undefined;
    try {
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body, keepalive });
      isAnswered = true;
      return await outcomeOf(response, attempt);
    } catch (error) {
      // Without a network nothing is said of the endpoint.
      isAnswered = navigator.onLine ? false : undefined;
      post.plain = keepalive;
      return { why: String(error), wait: keepalive && isLate ? 0 : waitFor(attempt) };
    } finally {
      giveBack();
      tries.end(isAnswered);
    }
  }

  async function attempt(post: Post): Promise<string | undefined> {
    for (let count = 1; ; count++) {
      const { wait, why } = await sendInTurn(post, count);
      if (wait === undefined) {
        post.forget?.();
        return why;
      }
      if (count === TRIES || tries.areOver()) return keep(post, why);
      post.keepalive = false;
      if (wait > 0) await pause(post, wait, later);
    }
  }

  async function sendInTurn(post: Post, attempt: number): Promise<Outcome> {
    while (!tries.mayTry(post) && !tries.areOver()) await tries.turnOf(post);
    return tries.areOver() ? { why: "nothing answers there", wait: 0 } : send(post, attempt);
  }

  function keep(post: Post, why: string | undefined): string | undefined {
    post.forget ??= hold(post.body);
    return why;
  }

  return {
    deliver(body, isLate = false) {
      const post: Post = { body, size: byteLength(body), keepalive: false, isLate };
      pending.add(post);
      return attempt(post).finally(() => pending.delete(post));
    },
    hurry() {
      // The newest first; what goes without keepalive goes down with the page, and twice does no harm.
      for (const post of [...pending].reverse()) {
        if (post.keepalive) continue;
        post.isLate = true;
        post.plain = false;
        if (post.wake) post.wake();
        else if (budget.fits(post) && tries.mayTry(post)) void send(post, TRIES);
        if (!post.keepalive) keep(post, undefined);
      }
    },
    inDoubt: () => pending.size > 0 && tries.areInDoubt(),
  };
}

/** What the page's posts may still take of the bytes that browsers let a page leave behind. */
function createKeepaliveBudget() {
  let posts = 0;
  let bytes = 0;
  return {
    fits({ size, isLate, plain }: Post): boolean {
      const limit = isLate ? KEEPALIVE_BYTES : EARLY_KEEPALIVE_BYTES;
      return !plain && posts < KEEPALIVE_POSTS && bytes + size <= limit;
    },
    take(post: Post | undefined): Stop {
      if (!post) return () => undefined;
      posts++;
      bytes += post.size;
      return () => {
        posts--;
        bytes -= post.size;
      };
    },
  };
}

/** Counts so that an endpoint that does not answer gets three tries, those on their way together included. */
function createTries() {
  /** Posts that wait for another's answer, the oldest first. */
  const queued = new Set<Post>();
  let underway = 0;
  let isProven = false;
  /** In a row. */
  let unanswered = 0;
  const areOver = (): boolean => unanswered >= TRIES;
  return {
    areOver,
    areInDoubt: () => !isProven && !areOver(),
    mayTry({ isLate }: Post): boolean {
      // The end of a page waits for nobody.
      if (isProven && isLate && unanswered === 0) return true;
      return (isProven || isLate || underway === 0) && underway + unanswered < TRIES;
    },
    turnOf(post: Post): Promise<void> {
      queued.add(post);
      return new Promise((resolve) => {
        post.wake = () => {
          post.wake = undefined;
          queued.delete(post);
          resolve();
        };
      });
    },
    begin(): void {
      underway++;
    },
    /** `undefined` says nothing of the endpoint. */
    end(isAnswered: boolean | undefined): void {
      underway--;
      if (isAnswered) isProven = true;
      if (isAnswered !== undefined) unanswered = isAnswered ? 0 : unanswered + 1;
      for (const post of queued) post.wake?.();
    },
  };
}

async function outcomeOf(response: Response, attempt: number): Promise<Outcome> {
  // An answer that is not read keeps its connection busy.
  const text = await response.text().catch(() => "");
  if (response.ok) return { why: refusalIn(text) };
  const why = `it answered ${response.status}`;
  return RETRYABLE.includes(response.status) ? { why, wait: waitFor(attempt, response) } : { why };
}

/** Until `ms` have passed or `wake` of the post is called. */
function pause(post: Post, ms: number, later: Later): Promise<void> {
  return new Promise((resolve) => {
    const cancel = later(() => post.wake?.(), ms);
    post.wake = () => {
      cancel();
      post.wake = undefined;
      resolve();
    };
  });
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

// https://opentelemetry.io/docs/specs/otlp/#partial-success-1
function refusalIn(answer: string): string | undefined {
  const refused = /"rejectedSpans":\s*"?([1-9]\d*)/.exec(answer)?.[1];
  return refused && `it refused ${refused}: ${answer}`;
}

// Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
function waitFor(attempt: number, response?: Response): number {
  const header = response?.headers.get("retry-after") || "-";
  const seconds = Number(header);
  const asked = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  // The random part keeps many pages from coming back at the same moment.
  const wait = asked >= 0 ? asked : BACKOFF_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  return Math.min(wait, MAX_WAIT_MS);
}

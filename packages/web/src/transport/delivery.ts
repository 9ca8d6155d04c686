import type { Later } from "../later.ts";
import type { Stop } from "../patch-method.ts";

// Chromium refuses a keepalive fetch above 64 KiB, all of the page's together:
// https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
const KEEPALIVE_BYTES = 60 * 1024;
/** Large posts in the middle of a page's life leave the budget to the spans of its end. */
const EARLY_KEEPALIVE_BYTES = 12 * 1024;
/** Of a post, and of an endpoint that does not answer: an ad blocker, or nothing listens. */
const TRIES = 3;
/** Less than none unanswered: at the end of a page nine posts may go to an endpoint that answered the last time. */
const ANSWERED = -6;
const BACKOFF_MS = 1000;
/** Of what is told of an answer. */
const MAX_ANSWER = 999;
const MAX_WAIT_MS = 60_000;

export interface Delivery {
  /** Posts it after those before it; `spans` is what a loss of it is told as, `isLate` leaves it to the next `hurry`. */
  deliver(body: string, spans: number | string, isLate?: boolean): void;
  /** The page may go: tries now whatever waits, the newest first, and holds what may not arrive. */
  hurry(): void;
  /** Whether a post is on its way or waits; what comes meanwhile had better go together. */
  isBusy(): boolean;
  /** Resolves when every post was answered or given up. */
  settled(): Promise<void>;
}

/** Keeps a post for the next page load; the result forgets it. */
export type Hold = (body: string) => Stop | undefined;

/** `why` is missing when all went well, `wait` when another try is of no use. */
interface Outcome {
  readonly wait?: number | undefined;
  readonly why?: string | undefined;
}

interface Post {
  readonly body: string;
  readonly spans: number | string;
  /** The page may go before this is answered. */
  isLate?: boolean | undefined;
  run?: Promise<void>;
  keepalive?: boolean;
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
  readonly tellLoss: (spans: number | string, why: string) => void;
}

/** Posts JSON, one post at a time until the page may go, and again after a failure that may pass. */
export function createDelivery(options: DeliveryOptions): Delivery {
  const { hold, tellLoss } = options;
  const sender = createSender(options);
  /** The oldest first: that one is on its way or waits for another try. */
  const pending = new Set<Post>();
  /** Second copies on their way; what waits may wait for one of them alone. */
  let repeats: Promise<unknown> = Promise.resolve();

  async function attempt(post: Post): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { wait, why } = await sender.send(post, tries);
      if (wait === undefined || tries === TRIES || sender.isGivenUp()) return end(post, { wait, why });
      post.keepalive = false;
      if (wait > 0) await pause(post, wait, options.later);
    }
  }

  function end(post: Post, { wait, why }: Outcome): void {
    if (wait === undefined) post.forget?.();
    else keep(post);
    if (why) tellLoss(post.spans, why);
    pending.delete(post);
    pump();
  }

  function pump(): void {
    const [post] = pending;
    if (post && (sender.mayTry() || sender.isGivenUp())) post.run ??= attempt(post);
  }

  function keep(post: Post): void {
    post.forget ??= hold(post.body);
  }

  function hurry(post: Post): void {
    post.isLate = true;
    post.plain = false;
    if (post.wake) post.wake();
    else if (post.run) repeats = Promise.all([repeats, sender.repeat(post)]).then(pump);
    else if (sender.mayTry()) post.run = attempt(post);
    if (!post.keepalive) keep(post);
  }

  return {
    deliver(body, spans, isLate) {
      pending.add({ body, spans, isLate });
      if (!isLate) pump();
    },
    hurry() {
      for (const post of [...pending].reverse()) if (!post.keepalive) hurry(post);
      pump();
    },
    isBusy: () => pending.size > 0,
    async settled() {
      while (pending.size > 0) await Promise.all([repeats, ...[...pending].map(({ run }) => run)]);
    },
  };
}

/** Tries posts; an endpoint that gives no answer to three tries in a row is left in peace, so no more go together. */
function createSender({ url, fetch }: DeliveryOptions) {
  let bytes = 0;
  let underway = 0;
  let unanswered = 0;

  const mayTry = (): boolean => underway + unanswered < TRIES;
  const fits = ({ body, isLate, plain }: Post): boolean =>
    !plain &&
    // It would fail where nobody hears of it any more.
    navigator.onLine &&
    bytes + byteLength(body) <= (isLate ? KEEPALIVE_BYTES : EARLY_KEEPALIVE_BYTES);

  async function send(post: Post, tries: number): Promise<Outcome> {
    if (!mayTry()) return { why: "no answer", wait: BACKOFF_MS };
    const { body } = post;
    // Not only near the end: a navigation cancels every other post that is on its way.
    const keepalive = fits(post);
    const weight = keepalive ? byteLength(body) : 0;
    post.keepalive = keepalive;
    bytes += weight;
    underway++;
    try {
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body, keepalive });
      unanswered = ANSWERED;
      return await outcomeOf(response, tries);
    } catch (error) {
      // Without a network nothing is said of the endpoint.
      if (navigator.onLine) unanswered = Math.max(unanswered, 0) + 1;
      post.plain = keepalive;
      return { why: `${error}`, wait: keepalive && post.isLate ? 0 : waitFor(tries) };
    } finally {
      bytes -= weight;
      underway--;
    }
  }
  return {
    send,
    mayTry,
    isGivenUp: () => unanswered >= TRIES,
    // What goes without keepalive goes down with the page, and twice does no harm.
    async repeat(post: Post): Promise<void> {
      if (fits(post)) await send(post, TRIES);
    },
  };
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

async function outcomeOf(response: Response, tries: number): Promise<Outcome> {
  // An answer that is not read keeps its connection busy.
  const text = await response.text().catch(() => "");
  if (response.ok) return { why: refusalIn(text) };
  const why = `it answered ${response.status}`;
  // https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
  return { why, wait: /429|50[234]/.test(why) ? waitFor(tries, response) : undefined };
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

// https://opentelemetry.io/docs/specs/otlp/#partial-success-1
// A page that somebody is led to, to log in perhaps, took nothing.
function refusalIn(answer: string): string | undefined {
  return /"rejectedSpans":\s*"?[1-9]|^\s*</.test(answer)
    ? `it answered ${answer.slice(0, MAX_ANSWER)}`
    : undefined;
}

// Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
function waitFor(attempt: number, response?: Response): number {
  const header = response?.headers.get("retry-after") || "-";
  const seconds = Number(header);
  const asked = seconds >= 0 ? seconds * 1000 : Date.parse(header) - Date.now();
  // The random part keeps many pages from coming back at the same moment.
  const wait = asked >= 0 ? asked : BACKOFF_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  return Math.min(wait, MAX_WAIT_MS);
}

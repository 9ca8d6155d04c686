import type { Later } from "../later.ts";
import type { Stop } from "../patch-method.ts";

// Chromium refuses a keepalive fetch above 64 KiB or nine of them in flight, all of the page's together:
// https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
const KEEPALIVE_BYTES = 60 * 1024;
/** Large posts in the middle of a page's life leave the budget to the spans of its end. */
const EARLY_KEEPALIVE_BYTES = 12 * 1024;
const KEEPALIVE_POSTS = 9;
const TRIES = 3;
const BACKOFF_MS = 1000;
const MAX_WAIT_MS = 10_000;
const RETRYABLE: readonly number[] = [429, 502, 503, 504];

export interface Delivery {
  /** Resolves when the endpoint took the body, or with the reason why it never will. */
  deliver(body: string, isLate?: boolean): Promise<string | undefined>;
  /** The page may go: tries again now whatever waits, and holds what may not arrive. */
  hurry(): void;
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
  let posts = 0;
  let bytes = 0;
  /** Tries in a row that got no answer at all. */
  let unanswered = 0;

  function fits({ size, isLate }: Post): boolean {
    return posts < KEEPALIVE_POSTS && bytes + size <= (isLate ? KEEPALIVE_BYTES : EARLY_KEEPALIVE_BYTES);
  }

  async function send(post: Post, attempt: number): Promise<Outcome> {
    // An ad blocker, or nothing listens: https://github.com/open-telemetry/opentelemetry-js/issues/4011
    if (unanswered >= TRIES) return { why: "nothing answers there" };
    const { body, size } = post;
    // Not only near the end: a navigation cancels every other post that is on its way.
    const keepalive = fits(post);
    const weight = keepalive ? size : 0;
    post.keepalive = keepalive;
    posts += Number(keepalive);
    bytes += weight;
    try {
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body, keepalive });
      unanswered = 0;
      // An answer that is not read keeps its connection busy.
      const text = await response.text().catch(() => "");
      if (response.ok) return { why: refusalIn(text) };
      const why = `it answered ${response.status}`;
      return RETRYABLE.includes(response.status) ? { why, wait: waitFor(attempt, response) } : { why };
    } catch (error) {
      // Without a network nothing is said of the endpoint.
      if (navigator.onLine) unanswered++;
      return { why: String(error), wait: waitFor(attempt) };
    } finally {
      posts -= Number(keepalive);
      bytes -= weight;
    }
  }

  async function attempt(post: Post): Promise<string | undefined> {
    for (let tries = 1; ; tries++) {
      const { wait, why } = await send(post, tries);
      if (wait === undefined || tries === TRIES) {
        if (wait === undefined && unanswered < TRIES) post.forget?.();
        else post.forget ??= hold(post.body);
        return why;
      }
      post.keepalive = false;
      await pause(post, wait, later);
    }
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
        if (post.wake) post.wake();
        else if (fits(post)) void send(post, TRIES);
        if (!post.keepalive) post.forget ??= hold(post.body);
      }
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

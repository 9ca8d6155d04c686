import type { Later } from "./later.ts";
import type { Stop } from "./patch-method.ts";

// Chromium refuses a keepalive fetch above 64 KiB or nine of them in flight, all of the page's together:
// https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
const KEEPALIVE_BYTES = 60 * 1024;
const KEEPALIVE_POSTS = 9;
const TRIES = 3;
const BACKOFF_MS = 1000;
const MAX_WAIT_MS = 10_000;
const RETRYABLE: readonly number[] = [429, 502, 503, 504];

export interface Delivery {
  /** Resolves when the endpoint took the body, or with the reason why it never will. */
  deliver(body: string): Promise<string | undefined>;
  /** Tries again now whatever waits for another try. */
  hurry(): void;
}

/** `why` is missing when all went well, `wait` when another try is of no use. */
interface Outcome {
  readonly wait?: number;
  readonly why?: string;
}

/** Posts JSON with `keepalive` while the browser's budget lasts, and again after a failure that may pass. */
export function createDelivery(url: string, fetch: typeof globalThis.fetch, later: Later): Delivery {
  const waiting = new Set<Stop>();
  let posts = 0;
  let bytes = 0;

  async function post(body: string, attempt: number): Promise<Outcome> {
    const size = byteLength(body);
    // Not only near the end: a navigation cancels every other post that is on its way.
    const keepalive = posts < KEEPALIVE_POSTS && bytes + size <= KEEPALIVE_BYTES;
    const weight = keepalive ? size : 0;
    posts += Number(keepalive);
    bytes += weight;
    try {
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body, keepalive });
      // An answer that is not read keeps its connection busy.
      await response.arrayBuffer().catch(() => undefined);
      if (response.ok) return {};
      const why = `it answered ${response.status}`;
      return RETRYABLE.includes(response.status) ? { why, wait: waitFor(attempt, response) } : { why };
    } catch (error) {
      return { why: String(error), wait: waitFor(attempt) };
    } finally {
      posts -= Number(keepalive);
      bytes -= weight;
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        waiting.delete(wake);
        resolve();
      };
      const cancel = later(wake, ms);
      waiting.add(wake);
    });
  }

  return {
    async deliver(body) {
      for (let attempt = 1; ; attempt++) {
        const { wait, why } = await post(body, attempt);
        if (wait === undefined || attempt === TRIES) return why;
        await pause(wait);
      }
    },
    hurry() {
      for (const wake of waiting) wake();
    },
  };
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
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

import { AsyncResource } from "node:async_hooks";
import { randomFillSync } from "node:crypto";

/** Of randomness at once: it goes through Next.js's own hooks, which cost more than the bytes. */
const POOL_BYTES = 4096;
/** Of these as text: whoever keeps an id keeps the text alive that it was cut from. */
const TEXT_BYTES = 256;

export interface Ids {
  newTraceId(): string;
  newSpanId(): string;
}

/**
 * Random ids from a pool. It is filled in the scope of whoever made it, not of the span: inside a prerender Next.js
 * takes a call of `crypto` or `Math.random` for a sign that the page is not static, and aborts it.
 * https://nextjs.org/docs/messages/next-prerender-random
 */
export function createIds(): Ids {
  const scope = new AsyncResource("throughline.ids");
  const pool = Buffer.alloc(POOL_BYTES);
  let printed = POOL_BYTES;
  // Printed for many: a call into Node for each id takes longer than all the rest.
  let digits = "";
  let used = 0;

  function print(): void {
    if (printed === POOL_BYTES) {
      scope.runInAsyncScope(randomFillSync, undefined, pool);
      printed = 0;
    }
    digits = pool.toString("hex", printed, printed + TEXT_BYTES);
    printed += TEXT_BYTES;
    used = 0;
  }

  function next(length: number): string {
    if (used + length > digits.length) print();
    const start = used;
    used += length;
    const id = digits.slice(start, used);
    // All zeros means "no id": https://www.w3.org/TR/trace-context/#trace-id
    return /[^0]/.test(id) ? id : next(length);
  }
  return { newTraceId: () => next(32), newSpanId: () => next(16) };
}

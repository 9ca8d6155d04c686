import { STORAGE_PREFIX } from "./page-storage.ts";
import { INACTIVITY_MS, SESSION_KEY } from "./session-record.ts";

/** Where the decision is kept for all tabs of this origin: `1` or `0`, and the Unix milliseconds of the last page. */
export const SAMPLED_KEY: string = `${STORAGE_PREFIX}sampled`;

/** In the page, for a page that may not store: a hot reload must not decide anew. */
const SAMPLED = Symbol.for(SAMPLED_KEY);
const page = globalThis as { [SAMPLED]?: string };

/**
 * Whether this session is one of the share that is traced; decided once, then the same for every page and tab of the
 * session. One that is not traced is over 15 minutes after its last page began.
 */
export function isSessionSampled(ratio: number): boolean {
  // No decision of an earlier release holds against "nobody" and "everybody".
  if (ratio === 0 || ratio === 1) return ratio === 1;
  const decision = page[SAMPLED] ?? readDecision() ?? (Math.random() < ratio ? "1" : "0");
  page[SAMPLED] = decision;
  keepDecision(decision);
  return decision === "1";
}

function readDecision(): string | undefined {
  try {
    // A decision holds as long as the session is used: the last number of both is when.
    return isLive(SESSION_KEY) || isLive(SAMPLED_KEY) ? localStorage.getItem(SAMPLED_KEY)?.[0] : undefined;
  } catch {
    // Even the name throws where storage is blocked: https://html.spec.whatwg.org/#dom-localstorage
    return undefined;
  }
}

function isLive(key: string): boolean {
  const usedAt = Number(localStorage.getItem(key)?.split(" ").at(-1));
  // Times to come are of a clock that was set back since.
  return Math.abs(Date.now() - usedAt) <= INACTIVITY_MS;
}

function keepDecision(decision: string): void {
  try {
    localStorage.setItem(SAMPLED_KEY, `${decision} ${Date.now()}`);
  } catch {
    // Then it holds for this page.
  }
}

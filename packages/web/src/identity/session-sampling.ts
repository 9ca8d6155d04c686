import { STORAGE_PREFIX } from "./page-storage.ts";
import { INACTIVITY_MS, SESSION_KEY } from "./session-record.ts";

/** Where the decision is kept for all tabs of this origin: `1` or `0`, and the Unix milliseconds of the last page. */
export const SAMPLED_KEY: string = `${STORAGE_PREFIX}sampled`;

/** For a page that may not store: a hot reload must not decide anew. */
const page = globalThis as unknown as Record<string, string | undefined>;

/** What the server has decided about the document, in the form in which it is kept here. */
export type ServedDecision = () => string | undefined;

/**
 * Whether this session is one of the share that is traced; decided once, then the same for every page and tab of the
 * session. One that is not traced is over 15 minutes after its last page began.
 */
export function isSessionSampled(ratio: number, served?: ServedDecision): boolean {
  // No decision of an earlier release holds against "nobody".
  if (!ratio) return false;
  const decision =
    page[SAMPLED_KEY] ?? readDecision() ?? decisionIn(served?.()) ?? (Math.random() < ratio ? "1" : "0");
  page[SAMPLED_KEY] = decision;
  try {
    localStorage.setItem(SAMPLED_KEY, `${decision} ${Date.now()}`);
  } catch {
    // Then it holds for this page.
  }
  return decision === "1";
}

function readDecision(): string | undefined {
  try {
    const record = localStorage.getItem(SAMPLED_KEY);
    // A decision holds as long as the session is used: the last number of both is when.
    return isLive(localStorage.getItem(SESSION_KEY)) ? record?.[0] : decisionIn(record);
  } catch {
    // Even the name throws where storage is blocked: https://html.spec.whatwg.org/#dom-localstorage
    return undefined;
  }
}

function decisionIn(record: string | null | undefined): string | undefined {
  return isLive(record) ? record?.[0] : undefined;
}

function isLive(record: string | null | undefined): boolean {
  // Times to come are of a clock that was set back since. `exec` takes anything for a text.
  return Math.abs(Date.now() - Number(/\d+$/.exec(record as string))) <= INACTIVITY_MS;
}

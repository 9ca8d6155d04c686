/** Where the decision is kept: `1` or `0`, for as long as the tab lives. */
export const SAMPLED_KEY = "throughline.sampled";

/** In the page, for a page that may not store: a hot reload must not decide anew. */
const SAMPLED = Symbol.for(SAMPLED_KEY);
const page = globalThis as { [SAMPLED]?: string };

/** Whether this session is one of the share that is traced; decided once, then the same for every page of the tab. */
export function isSessionSampled(ratio: number): boolean {
  // No decision of an earlier release holds against "nobody" and "everybody".
  if (ratio === 0 || ratio === 1) return ratio === 1;
  const decision = readDecision() ?? page[SAMPLED] ?? (Math.random() < ratio ? "1" : "0");
  page[SAMPLED] = decision;
  keepDecision(decision);
  return decision === "1";
}

function readDecision(): string | null {
  try {
    return sessionStorage.getItem(SAMPLED_KEY);
  } catch {
    // Even the name throws where storage is blocked: https://html.spec.whatwg.org/#dom-sessionstorage
    return null;
  }
}

function keepDecision(decision: string): void {
  try {
    sessionStorage.setItem(SAMPLED_KEY, decision);
  } catch {
    // Then it holds for this page.
  }
}

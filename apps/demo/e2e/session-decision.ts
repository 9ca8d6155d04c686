import type { Page } from "@playwright/test";

/** Whether the page's session is traced, before the page decides: as if an earlier page of it had. */
export function decideSession(page: Page, decision: "0" | "1"): Promise<unknown> {
  return page.addInitScript((value) => {
    // A blank page has no storage.
    if (location.protocol === "http:") localStorage.setItem("throughline.sampled", `${value} ${Date.now()}`);
  }, decision);
}

import type { Page } from "@playwright/test";
import { servedBy } from "../trace-reading.ts";

/** The trace of a page load that is over, in a page that the router can navigate. */
export async function openPage(page: Page, url: string): Promise<string> {
  // What the page sends as it goes has its three tries to itself then.
  const [response] = await Promise.all([page.goto(url), page.waitForResponse("**/v1/traces")]);
  const { traceId } = servedBy(response);
  await page.waitForLoadState("networkidle");
  return traceId;
}

/** Clicks, and waits until the browser has told how long it took. */
export async function clickSlowly(page: Page, selector: string): Promise<void> {
  await page.locator(selector).click();
  await page.evaluate(
    (wanted) =>
      new Promise<void>((resolve) => {
        const isIt = (entry: PerformanceEntry): boolean =>
          entry.name === "click" &&
          (entry as PerformanceEventTiming).target === document.querySelector(wanted);
        new PerformanceObserver((list, observer) => {
          if (!list.getEntries().some(isIt)) return;
          observer.disconnect();
          resolve();
        }).observe({ type: "event", buffered: true });
      }),
    selector,
  );
}

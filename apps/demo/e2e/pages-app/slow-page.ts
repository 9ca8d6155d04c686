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

/** Clicks, and waits until the browser has told how long it took, and the frame in which it did. */
export async function clickSlowly(page: Page, selector: string): Promise<void> {
  await page.locator(selector).click();
  await page.evaluate(async (wanted) => {
    const told = (type: string, isIt: (entry: PerformanceEntry) => boolean) =>
      new Promise<void>((resolve) => {
        new PerformanceObserver((list, observer) => {
          if (!list.getEntries().some(isIt)) return;
          observer.disconnect();
          resolve();
        }).observe({ type, buffered: true });
      });
    const isClick = (entry: PerformanceEntry): boolean =>
      entry.name === "click" && (entry as PerformanceEventTiming).target === document.querySelector(wanted);
    // As the browser names a listener's target: `BUTTON#buy`.
    const isItsFrame = (entry: PerformanceEntry): boolean =>
      (entry.toJSON() as { scripts: { invoker: string }[] }).scripts.some(({ invoker }) =>
        invoker.includes(wanted),
      );
    await Promise.all([told("event", isClick), told("long-animation-frame", isItsFrame)]);
  }, selector);
}

import { expect } from "@playwright/test";
import type { Tab } from "./engine.ts";
import type { ExitSite } from "./exit-site.ts";

const SPANS = 500;
/** Of the last ones every one is to arrive at once. */
const LAST = 50;

export type Leave = "another page" | "back" | "close";

/** What arrived of 500 spans that were made right before the page was left. */
export interface Delivered {
  /** Of the last 50, without another load of a traced page. */
  readonly lastAtOnce: number;
  readonly atOnce: number;
  readonly afterNextLoad: number;
  readonly bytes: number;
}

/** https://github.com/open-telemetry/opentelemetry-js/issues/2613 */
export async function leaveWithSpans(tab: Tab, site: ExitSite, how: Leave): Promise<Delivered> {
  await tab.goto(`${site.url}/blank`);
  await tab.goto(`${site.url}/`);
  await expect.poll(() => tab.evaluate("return 'makeSpans' in window")).toBe(true);
  site.clear();
  await leave(tab, site, how);
  const lastArrived = (): number => [...site.arrived()].filter((index) => index >= SPANS - LAST).length;
  await settled(() => site.arrived().size);
  const [lastAtOnce, atOnce] = [lastArrived(), site.arrived().size];
  await tab.goto(`${site.url}/`);
  await settled(() => site.arrived().size);
  return { lastAtOnce, atOnce, afterNextLoad: site.arrived().size, bytes: site.bytes() };
}

async function leave(tab: Tab, site: ExitSite, how: Leave): Promise<void> {
  if (how === "another page") {
    await tab.evaluate(`makeSpans(${SPANS}); location.href = "/blank"`);
    return;
  }
  await tab.evaluate(`makeSpans(${SPANS})`);
  if (how === "back") await tab.back();
  else await tab.closeFirst(`${site.url}/blank`);
}

/** Until nothing more has come for two seconds. */
async function settled(count: () => number): Promise<void> {
  const seen: number[] = [];
  await expect
    .poll(
      () => {
        seen.push(count());
        return seen.length > 8 && new Set(seen.slice(-8)).size === 1;
      },
      { intervals: [250], timeout: 30_000 },
    )
    .toBe(true);
}

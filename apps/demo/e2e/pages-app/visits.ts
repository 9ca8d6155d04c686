import { expect, type Page, test } from "@playwright/test";
import { expectJoinedLoad, servedBy } from "../trace-reading.ts";

const VISITS = 20;

/** A kind of page, and its path. */
export type PageKind = readonly [kind: string, path: string];

export function testVisits(origin: () => string, kinds: readonly PageKind[]): void {
  for (const [kind, path] of kinds) {
    test(`each visit of ${kind} is a trace of its own, with the span that served it`, async ({ page }) => {
      await expectVisitsOfTheirOwn(page, origin() + path);
    });
  }
}

/** Visits a page twenty times. */
export async function expectVisitsOfTheirOwn(page: Page, url: string): Promise<void> {
  const visits: ReturnType<typeof servedBy>[] = [];
  for (let count = 0; count < VISITS; count++) {
    visits.push(servedBy(await page.goto(url, { waitUntil: "load" })));
  }
  const traceIds = visits.map(({ traceId }) => traceId);
  expect(new Set(traceIds).size).toBe(VISITS);
  for (const served of visits) await expectJoinedLoad(served);
  // What a cache may keep names no trace.
  const html = await (await fetch(url)).text();
  expect(traceIds.filter((traceId) => html.includes(traceId))).toEqual([]);
}

import { expect, type Page, type Response, test } from "@playwright/test";
import { isClassic } from "../fixtures/preset.mjs";
import { expectJoinedLoad, servedBy } from "../trace-reading.ts";

// What is joined is the same with either preset.
const VISITS = isClassic ? 5 : 20;

/** A kind of page, and its path. */
export type PageKind = readonly [kind: string, path: string];

export function testVisits(origin: () => string, kinds: readonly PageKind[]): void {
  for (const [kind, path] of kinds) {
    test(`each visit of ${kind} is a trace of its own, with the span that served it`, async ({ page }) => {
      await expectVisitsOfTheirOwn(page, origin() + path);
    });
  }
}

/** Visits a page again and again. */
export async function expectVisitsOfTheirOwn(page: Page, url: string): Promise<void> {
  const visits: ReturnType<typeof servedBy>[] = [];
  for (let count = 0; count < VISITS; count++) {
    const response = await page.goto(url, { waitUntil: "load" });
    await expectNoTraceId(response);
    visits.push(servedBy(response));
  }
  expect(new Set(visits.map(({ traceId }) => traceId)).size).toBe(VISITS);
  for (const served of visits) await expectJoinedLoad(served);
}

/** What a cache may keep names no trace. */
export async function expectNoTraceId(response: Response | null): Promise<void> {
  const html = (await response?.text()) ?? "";
  expect(html).toContain("<html");
  expect(html).not.toMatch(/\b[0-9a-f]{32}\b/);
}

import { expect, type Page, test } from "@playwright/test";
import { type BrowserSpan, collectSpans, requestsTo } from "../browser-spans.ts";

const PATH = "/queue";

/** Next.js and React send one server action at a time: what waits is sent in the context of the one before. */
export function testQueuedActions(origin: () => string): void {
  for (const [one, other] of [
    ["Like", "Share"],
    ["Like", "Like"],
    ["Like", "Refresh"],
    ["Vote", "Vote"],
  ] as const) {
    test(`a click on ${other} while the server action of ${one} runs is not that of ${one}`, async ({
      page,
    }) => {
      const [first, second] = await requestsAfter(page, origin() + PATH, async () => {
        const sent = page.waitForRequest(`**${PATH}`);
        await page.getByRole("button", { name: one }).click();
        await sent;
        await page.getByRole("button", { name: other }).click();
      });
      expect(first?.owner).toBe(`click ${one}`);
      // Nobody's: it starts a trace of its own.
      expect(second?.owner).toBeUndefined();
      expect(second?.traceId).not.toBe(first?.traceId);
    });
  }

  test("two server actions of one click are that click's", async ({ page }) => {
    const requests = await requestsAfter(page, origin() + PATH, () =>
      page.getByRole("button", { name: "Both" }).click(),
    );
    expect(requests.map(({ owner }) => owner)).toEqual(["click Both", "click Both"]);
  });
}

/** The two requests that this page makes of it, in their order, with the names of their parents. */
async function requestsAfter(page: Page, url: string, act: () => Promise<unknown>) {
  const spans = collectSpans(page);
  await page.goto(url);
  await page.waitForLoadState("networkidle");
  const before = spans.length;
  await act();
  const told = (): readonly BrowserSpan[] => spans.slice(before);
  const requests = () => requestsTo(told(), new URL(url).pathname);
  const isOwned = ({ parentSpanId }: BrowserSpan): boolean =>
    !parentSpanId || told().some(({ spanId }) => spanId === parentSpanId);
  await expect.poll(() => requests().filter(isOwned).length).toBe(2);
  return requests()
    .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
    .map(({ traceId, parentSpanId }) => ({
      traceId,
      owner: told().find(({ spanId }) => spanId === parentSpanId)?.name,
    }));
}

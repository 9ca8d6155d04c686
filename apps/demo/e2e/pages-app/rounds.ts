import { expect, type Page, test } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { type BrowserSpan, collectSpans, textOf } from "../browser-spans.ts";
import { collectedSpans } from "../engines/collected-spans.ts";
import { isClassic, LIMITS } from "../fixtures/preset.mjs";
import { heapBytes } from "../heap-bytes.ts";
import { readTrace } from "../trace-reading.ts";

/** An open interaction, navigation or page load waits for its work so long, and the last answer may come a moment after. */
const LONGEST_MS = 31_000;

/** A visit of several steps: where each trace begins and ends, and what comes after what. */
export function testRounds(origin: () => string): void {
  test("a load, three navigations and two clicks are six traces, each linked to the one before, with their fetches", async ({
    page,
  }) => {
    test.fail(isClassic, LIMITS.ahead);
    const sent = collectSpans(page);
    const fetched = await visit(page, origin());
    await expect.poll(() => requestsBelow(sent).size).toBe(6);
    await expect.poll(() => [...requestsBelow(sent).values()].flat().sort()).toEqual(fetched.flat().sort());

    // A click is sent after what it started.
    const rootsNow = () => rootsOf(sent).filter(({ traceId }) => requestsBelow(sent).has(traceId));
    await expect
      .poll(() => rootsNow().map(({ name }) => name))
      .toEqual(["page load", "click a", "click Stock", "click a", "click Price", "click a"]);
    const roots = rootsNow();
    expect(roots.map(({ traceId }) => requestsBelow(sent).get(traceId)?.sort())).toEqual(
      fetched.map((paths) => [...paths].sort()),
    );
    expect(roots.map(({ links }) => links?.map(({ spanId }) => spanId))).toEqual([
      undefined,
      ...roots.slice(0, -1).map(({ spanId }) => [spanId]),
    ]);
    for (const { traceId } of roots) {
      const spans = (await readTrace(traceId))?.spans.filter(({ kind }) => kind === "internal") ?? [];
      expect(spans.length).toBeGreaterThan(0);
      for (const span of spans) expect(durationMs(span)).toBeLessThan(LONGEST_MS);
    }
  });

  test("a tab that is left open for an hour has no open span, sends nothing and does not grow", async ({
    page,
  }) => {
    const began = Date.now();
    const sent = collectSpans(page);
    await page.clock.install();
    await visit(page, origin());
    await expect.poll(() => requestsBelow(sent).size).toBe(6);
    // Every deadline there is has passed, and what was measured is sent.
    await page.clock.runFor("02:00");
    await page.waitForLoadState("networkidle");
    const [before, heapBefore] = [sent.length, await heapBytes(page)];
    await page.clock.runFor("01:00:00");
    expect(sent.length).toBe(before);
    expect((await heapBytes(page)) - heapBefore).toBeLessThan(100_000);
    const arrived = () => collectedSpans("pages-web", began);
    const arrivedBefore = (await arrived()).length;
    await page.goto("about:blank");
    // With the last measurements, which nobody but the collector sees sent, comes what was open, and says so.
    await expect.poll(async () => (await arrived()).length).toBeGreaterThan(arrivedBefore);
    expect((await arrived()).filter(({ attributes }) => attributes["throughline.ended_by"])).toEqual([]);
  });
}

/** Six steps; the paths that each has fetched. */
async function visit(page: Page, origin: string): Promise<readonly (readonly string[])[]> {
  const next = async (step: number): Promise<void> => {
    await page.getByRole("link", { name: "Next round" }).click();
    await expect(page.getByRole("heading", { name: `round ${step}` })).toBeVisible();
    await page.waitForLoadState("networkidle");
  };
  const ask = async (name: string, says: string): Promise<void> => {
    await page.getByRole("button", { name }).click();
    await expect(page.getByText(says, { exact: true })).toBeVisible();
  };
  await page.goto(`${origin}/round/1`);
  await page.waitForLoadState("networkidle");
  await next(2);
  await ask("Stock", "stock");
  await next(3);
  await ask("Price", "price");
  await next(4);
  const shown = (step: number): string => `/api/step/shown-${step}`;
  const asked = (what: string): readonly string[] => [`/api/step/${what}`, `/api/step/${what}-again`];
  return [[shown(1)], [shown(2)], asked("stock"), [shown(3)], asked("price"), [shown(4)]];
}

function rootsOf(spans: readonly BrowserSpan[]): readonly BrowserSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans
    .filter(({ parentSpanId }) => !parentSpanId || !ids.has(parentSpanId))
    .sort((one, other) => Number(BigInt(one.startTimeUnixNano) - BigInt(other.startTimeUnixNano)));
}

/** The paths that were fetched in each trace. */
function requestsBelow(spans: readonly BrowserSpan[]): Map<string, string[]> {
  const paths = new Map<string, string[]>();
  for (const span of spans) {
    const url = new URL(textOf(span, "url.full") ?? "about:blank");
    if (!url.pathname.startsWith("/api/step/")) continue;
    paths.set(span.traceId, [...(paths.get(span.traceId) ?? []), url.pathname]);
  }
  return paths;
}

function durationMs({ startUnixNano, endUnixNano }: SpanJson): number {
  return Number(BigInt(endUnixNano) - BigInt(startUnixNano)) / 1e6;
}

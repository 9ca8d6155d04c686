import { expect, test } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { isClassic } from "../fixtures/preset.mjs";
import { attachTrace, awaitTrace, readTrace, spanOf } from "../trace-reading.ts";
import { clickSlowly, openPage } from "./slow-page.ts";

const LOAD = "page load · internal · pages-web";

/** What Chromium itself measures and tells. */
export function testVitals(origin: () => string): void {
  test("a slow click is the page's INP, with the scripts that made it slow below it", async ({ page }) => {
    const traceId = await openPage(page, `${origin()}/slow?card=zq4111zq`);
    await clickSlowly(page, "#buy");
    await page.goto("about:blank");
    const document = await awaitTrace(traceId, [LOAD, "web vital INP · internal · pages-web"]);
    await attachTrace(document);
    const pageLoad = spanOf(document, "page load", "internal");
    const inp = spanOf(document, "web vital INP", "internal");
    expect(inp.parentSpanId).toBe(pageLoad.spanId);
    expect(inp.attributes["throughline.web_vital.element"]).toBe("#buy");
    expect(inp.attributes["browser.web_vital.value"]).toBeGreaterThanOrEqual(200);
    const scripts = document.spans.filter(({ parentSpanId }) => parentSpanId === inp.spanId);
    const invokedBy = (invoker: string) =>
      scripts.find(({ attributes }) => attributes["throughline.script.invoker"] === invoker);
    const released = invokedBy("BUTTON#buy.onpointerup");
    expect(released?.name).toBe("script event-listener");
    expect(released?.attributes["url.full"]).toMatch(/^http:\/\/[^?]+\/_next\/static\/\S+\.js/);
    expect(durationMs(released)).toBeGreaterThanOrEqual(199);
    // Listeners of clicks are called by one of ours, and the browser sees no further; of zone.js it sees the file.
    const clicked = invokedBy("BUTTON#buy.onclick")?.attributes ?? {};
    expect(Object.keys(clicked)).toContain("throughline.script.invoker");
    if (!isClassic) expect(Object.keys(clicked)).not.toContain("url.full");
    // No id and no timestamp can hold these by chance.
    expect(JSON.stringify(document.spans)).not.toContain("zq4111zq");
  });

  test("long tasks are told where they are asked for", async ({ page }) => {
    const traceId = await openPage(page, `${origin()}/slow?long-tasks`);
    await clickSlowly(page, "#buy");
    await page.goto("about:blank");
    const document = await awaitTrace(traceId, [LOAD, "long task · internal · pages-web"]);
    const pageLoad = spanOf(document, "page load", "internal");
    let tasks: readonly SpanJson[] = [];
    // A shorter one of the load itself may come before.
    await expect
      .poll(async () => {
        tasks = (await readTrace(traceId))?.spans.filter(({ name }) => name === "long task") ?? [];
        return Math.max(...tasks.map(durationMs));
      })
      .toBeGreaterThanOrEqual(199);
    expect(new Set(tasks.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([pageLoad.spanId]));
  });
}

function durationMs(span: SpanJson | undefined): number {
  return Number(BigInt(span?.endUnixNano ?? 0) - BigInt(span?.startUnixNano ?? 0)) / 1e6;
}

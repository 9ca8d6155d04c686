import { type Browser, chromium, expect, test } from "@playwright/test";
import { chromiumLaunchOptions } from "../../../../scripts/chromium.mjs";
import { isClassic, LIMITS } from "../fixtures/preset.mjs";
import { attachTrace, awaitTrace, servedBy, spanOf, traceIdOf } from "../trace-reading.ts";

/** A page that Chromium really keeps and gives back. */
export function testRestores(origin: () => string): void {
  let browser: Browser;

  test.beforeAll(async () => {
    // Playwright turns the back/forward cache off.
    browser = await chromium.launch({
      ...chromiumLaunchOptions(),
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
  });

  test.afterAll(() => browser.close());

  test("each return from the back/forward cache is a page view of its own, with what it fetches and its vitals", async () => {
    test.fail(isClassic, LIMITS.guess);
    const page = await browser.newPage();
    const traceIds = [servedBy(await page.goto(`${origin()}/restored`)).traceId];
    await page.evaluate(() => Object.assign(globalThis, { kept: true }));
    for (const _ of ["first", "second"]) {
      await page.getByRole("link", { name: "Away" }).click();
      await page.getByRole("heading", { name: "static" }).waitFor();
      const [refetch] = await Promise.all([
        page.waitForRequest("**/api/echo"),
        page.goBack({ waitUntil: "commit" }),
      ]);
      expect(await page.evaluate(() => "kept" in globalThis), "the page itself came back").toBe(true);
      traceIds.push(traceIdOf(refetch));
    }
    expect(new Set(traceIds).size).toBe(3);
    await page.goto("about:blank");

    const [, first = ""] = traceIds;
    const vitals = ["TTFB", "FCP", "LCP", "CLS"].map((name) => `web vital ${name} · internal · pages-web`);
    const document = await awaitTrace(first, [
      "GET /api/echo · client · pages-web",
      "GET /api/echo · server · pages",
      ...vitals,
    ]);
    const view = spanOf(document, "page view", "internal");
    expect(view.parentSpanId).toBeUndefined();
    expect(view.attributes).toMatchObject({
      "url.path": "/restored",
      "throughline.navigation.type": "back-forward-cache",
    });
    const fetched = spanOf(document, "GET /api/echo", "client");
    expect(fetched.parentSpanId).toBe(view.spanId);
    expect(spanOf(document, "GET /api/echo", "server").parentSpanId).toBe(fetched.spanId);
    for (const name of ["TTFB", "FCP", "LCP", "CLS"]) {
      const vital = spanOf(document, `web vital ${name}`, "internal");
      expect(vital.parentSpanId).toBe(view.spanId);
      expect(vital.attributes["browser.web_vital.navigation_type"]).toBe("back-forward-cache");
    }
    await attachTrace(document);
    await page.close();
  });
}

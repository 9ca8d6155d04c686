import { expect, test } from "@playwright/test";
import { postedSpan } from "../posted-span.ts";
import { attachTrace, awaitTrace, spanOf } from "../trace-reading.ts";
import { clickSlowly, openPage } from "./slow-page.ts";

/** Chromium tells navigations within a page by itself (`soft-navigation`). */
export function testSoftNavigation(origin: () => string): void {
  test("what is measured after a navigation within the page belongs to that navigation", async ({ page }) => {
    const loadTraceId = await openPage(page, `${origin()}/slow`);
    const [navigation] = await Promise.all([
      postedSpan(page, "navigate /slow/after"),
      page.getByRole("link", { name: "After" }).click(),
    ]);
    await page.getByRole("heading", { name: /after/ }).waitFor();
    await page.waitForFunction(() => performance.getEntriesByType("soft-navigation").length === 1);
    await clickSlowly(page, "#reserve");
    await page.getByRole("button", { name: "Shift" }).click();
    await page.waitForFunction(
      () => globalThis.document.querySelector("#shifting")?.previousElementSibling?.tagName === "DIV",
    );
    await page.goto("about:blank");

    const names = ["FCP", "LCP", "CLS", "INP"];
    const document = await awaitTrace(navigation.traceId, [
      "click a · internal · pages-web",
      ...names.map((name) => `web vital ${name} · internal · pages-web`),
    ]);
    await attachTrace(document);
    for (const name of names) {
      const vital = spanOf(document, `web vital ${name}`, "internal");
      expect(vital.parentSpanId, name).toBe(navigation.spanId);
      expect(vital.attributes["browser.web_vital.navigation_type"]).toBe("soft-navigation");
    }
    expect(spanOf(document, "web vital INP", "internal").attributes["throughline.web_vital.element"]).toBe(
      "#reserve",
    );
    expect(
      spanOf(document, "web vital CLS", "internal").attributes["browser.web_vital.value"],
    ).toBeGreaterThan(0);
    // And the page load keeps its own.
    const first = await awaitTrace(loadTraceId, [
      "page load · internal · pages-web",
      "web vital LCP · internal · pages-web",
    ]);
    const hard = spanOf(first, "web vital LCP", "internal");
    expect(hard.attributes["browser.web_vital.navigation_type"]).toBe("navigate");
    expect(hard.parentSpanId).toBe(spanOf(first, "page load", "internal").spanId);
  });
}

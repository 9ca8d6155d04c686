import { parseTraceparent } from "@throughline/core";
import { expect, test } from "@throughline/playwright";
import { isClassic, LIMITS, untilFailed } from "./fixtures/preset.mjs";
import { awaitTrace, spanOf } from "./trace-reading.ts";

const leave = {
  "closed by the script": (page) => page.close(),
  "closed by the user": (page) => page.close({ runBeforeUnload: true }),
  "left for another document": (page) => page.goto("about:blank"),
} satisfies Record<string, (page: import("@playwright/test").Page) => Promise<unknown>>;

for (const [how, go] of Object.entries(leave)) {
  test(`a page ${how} right after the click still delivers both browser spans`, async ({ page }) => {
    test.fail(isClassic, LIMITS.late);
    await page.goto("/");
    const [request] = await Promise.all([
      page.waitForRequest("**/api/orders"),
      page.getByRole("button", { name: "Buy Cedar" }).click(),
    ]);
    const context = parseTraceparent(request.headers().traceparent ?? "");
    await go(page);

    const labels = ["click Buy · internal · shop-web", "POST /api/orders · client · shop-web"];
    const document = await awaitTrace(context?.traceId ?? "", labels, untilFailed);
    const client = spanOf(document, "POST /api/orders", "client");
    expect(client.spanId).toBe(context?.spanId);
    expect(client.parentSpanId).toBe(spanOf(document, "click Buy", "internal").spanId);
  });
}

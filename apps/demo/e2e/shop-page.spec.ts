import { parseTraceparent } from "@throughline/core";
import { expect, test } from "@throughline/playwright";
import { isClassic, LIMITS } from "./fixtures/preset.mjs";
import { awaitTrace, spanOf } from "./trace-reading.ts";

declare const scheduler: { postTask(run: () => void, options: object): void };

test("the shop's page load is in one trace with the SERVER span that served it", async ({ page }) => {
  const response = await page.goto("/");
  const timing = (await response?.allHeaders())?.["server-timing"] ?? "";
  const served = parseTraceparent(/traceparent;desc="([^"]+)"/.exec(timing)?.[1] ?? "");
  const document = await awaitTrace(served?.traceId ?? "", [
    "page load · internal · shop-web",
    "document · internal · shop-web",
  ]);
  const load = spanOf(document, "page load", "internal");
  expect(load.parentSpanId).toBe(served?.spanId);
  expect(spanOf(document, "document", "internal").parentSpanId).toBe(load.spanId);
  expect(spanOf(document, "GET /", "server").spanId).toBe(served?.spanId);
});

test("View order is a navigation below its click, down to the database", async ({ page }) => {
  test.fail(isClassic, LIMITS.click);
  await page.goto("/");
  await page.getByRole("button", { name: "Buy Cedar" }).click();
  const isNavigation = (request: import("@playwright/test").Request): boolean =>
    "rsc" in request.headers() && !("next-router-prefetch" in request.headers());
  const [request] = await Promise.all([
    page.waitForRequest(isNavigation),
    page.getByRole("link", { name: "View order" }).click(),
  ]);
  const context = parseTraceparent(request.headers().traceparent ?? "");
  const document = await awaitTrace(context?.traceId ?? "", [
    "click View order · internal · shop-web",
    "navigate /orders/[id] · internal · shop-web",
    "SELECT orders · client · shop",
  ]);
  const click = spanOf(document, "click View order", "internal");
  const navigation = spanOf(document, "navigate /orders/[id]", "internal");
  expect(navigation.parentSpanId).toBe(click.spanId);
  expect(navigation.attributes).toMatchObject({ "throughline.page.route": "/orders/[id]" });
  const client = document.spans.find((span) => span.spanId === context?.spanId);
  expect(client?.parentSpanId).toBe(navigation.spanId);
});

test("Next.js hydrates in a task of its own, after the one that starts the tracing", async ({ page }) => {
  await page.addInitScript(() => {
    const told: string[] = [];
    let scripts: unknown[] | undefined;
    Object.assign(window, { told });
    Object.defineProperty(window, "__next_s", {
      get: () => scripts,
      set(noted: unknown[]) {
        scripts = noted;
        const { reduce } = noted;
        noted.reduce = (...args: unknown[]) => {
          told.push("Next.js asks");
          scheduler.postTask(() => told.push("a task"), { priority: "user-blocking" });
          const isHydrated = () => Object.keys(document).some((name) => name.startsWith("__reactContainer"));
          const ready: Promise<unknown> = Reflect.apply(reduce, noted, args);
          return ready.then(() => told.push(isHydrated() ? "too late" : "hydration"));
        };
      },
    });
  });
  await page.goto("/");
  await page.getByRole("button", { name: "Buy Cedar" }).click();
  await expect(page.getByRole("link", { name: "View order" })).toBeVisible();
  expect(await page.evaluate(() => Reflect.get(window, "told"))).toEqual([
    "Next.js asks",
    "a task",
    "hydration",
  ]);
});

import type { Page } from "@playwright/test";
import { expect, test } from "@throughline/playwright";
import { newTraceparent } from "./trace-reading.ts";

test("the receipt's link opens the waterfall of that very click", async ({ page, context }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Buy Cedar" }).click();
  const link = page.getByRole("link", { name: /see this trace/i }).first();
  await expect(link).toBeVisible();
  const href = (await link.getAttribute("href")) ?? "";

  const viewer = await context.newPage();
  const errors: string[] = [];
  viewer.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await viewer.goto(href);
  const tree = viewer.getByRole("treegrid");
  for (const label of ["click Buy", "POST /api/orders", "GET /stock", "INSERT orders"]) {
    await expect(tree.getByText(label).first()).toBeVisible();
  }
  await tree.getByText("INSERT orders").first().click();
  await expect(viewer.getByText("INSERT INTO orders", { exact: false }).first()).toBeVisible();
  expect(errors).toEqual([]);
});

test("the live list shows a new trace without a reload", async ({ page, context }) => {
  const viewer = await context.newPage();
  await viewer.goto(process.env.THROUGHLINE_COLLECTOR_URL ?? "");
  await page.goto("/");
  const [response] = await Promise.all([
    page.waitForResponse("**/api/orders"),
    page.getByRole("button", { name: "Buy Cedar" }).click(),
  ]);
  const { traceId } = (await response.json()) as { traceId: string };
  await expect(viewer.locator(`a[href*="${traceId}"]`).first()).toBeVisible();
});

/** Playwright's pages are all seen, unless they are told otherwise. */
function setHidden(tab: Page, hidden: boolean): Promise<void> {
  return tab.evaluate((value) => {
    Object.defineProperty(document, "hidden", { get: () => value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

test("more tabs than a browser has connections are all served, and one that is seen again is live again", async ({
  page: first,
  context,
}) => {
  const { traceId, spanId } = newTraceparent();
  const name = `meanwhile ${spanId}`;
  // Others' traces are newer, and more than the list begins with.
  const url = `${process.env.THROUGHLINE_COLLECTOR_URL}/?${new URLSearchParams({ q: name })}`;
  const isLive = (tab: Page) => expect(tab.getByText("Live", { exact: true })).toBeVisible();
  await first.goto(url);
  await isLive(first);
  await setHidden(first, true);
  for (let count = 0; count < 7; count++) {
    const tab = await context.newPage();
    await tab.goto(url);
    await isLive(tab);
    await setHidden(tab, true);
  }
  await postSpan({ traceId, spanId, name, kind: 1 });
  const row = first.locator(`a[href*="${traceId}"]`);
  expect(await row.count()).toBe(0);
  await setHidden(first, false);
  await expect(row).toBeVisible();
});

function post(path: string, body: object): Promise<Response> {
  return fetch(`${process.env.THROUGHLINE_COLLECTOR_URL ?? ""}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

const service = { key: "service.name", value: { stringValue: "shop" } };
const START = 1_790_000_000_000_000_000n;

/** One span of the service `shop`, nine milliseconds long. */
function postSpan(span: object): Promise<Response> {
  const times = { startTimeUnixNano: String(START), endTimeUnixNano: String(START + 9_000_000n) };
  const scopeSpans = [{ spans: [{ ...times, ...span }] }];
  return post("/v1/traces", { resourceSpans: [{ resource: { attributes: [service] }, scopeSpans }] });
}

test("a span shows what was logged while it was current, also what comes later", async ({ page }) => {
  const { traceId, spanId } = newTraceparent();
  await postSpan({ traceId, spanId, name: "reserve stock", kind: 1 });
  await page.goto(`${process.env.THROUGHLINE_COLLECTOR_URL}/trace/${traceId}?span=${spanId}`);
  const details = page.getByRole("complementary", { name: "Span details" });
  await expect(details.getByRole("heading", { name: "reserve stock" })).toBeVisible();
  const log = {
    traceId,
    spanId,
    timeUnixNano: String(START + 3_000_000n),
    severityNumber: 13,
    severityText: "warn",
    body: { stringValue: "three pens left" },
  };
  await post("/v1/logs", { resourceLogs: [{ scopeLogs: [{ logRecords: [log] }] }] });
  await expect(details.getByRole("heading", { name: "Logs" })).toBeVisible();
  await expect(details.getByText("three pens left")).toBeVisible();
  await expect(details.getByText("+3 ms")).toBeVisible();
});

test("a job's span leads to the one that sent it, and back", async ({ page }) => {
  const [request, job] = [newTraceparent(), newTraceparent()];
  const link = { traceId: request.traceId, spanId: request.spanId };
  await postSpan({ ...link, name: "publish emails", kind: 4 });
  await page.goto(`${process.env.THROUGHLINE_COLLECTOR_URL}/trace/${request.traceId}?span=${request.spanId}`);
  const details = page.getByRole("complementary", { name: "Span details" });
  await expect(details.getByRole("heading", { name: "publish emails" })).toBeVisible();
  await postSpan({
    traceId: job.traceId,
    spanId: job.spanId,
    name: "process emails",
    kind: 5,
    links: [link],
  });
  await details.getByRole("link", { name: "process emails · shop" }).click();
  await expect(details.getByRole("heading", { name: "process emails" })).toBeVisible();
  await details.getByRole("link", { name: "publish emails · shop" }).click();
  await expect(details.getByRole("heading", { name: "publish emails" })).toBeVisible();
});

test("the filter finds a trace by any of its spans, and a long value leaves room for what follows", async ({
  page,
}) => {
  const { traceId, spanId } = newTraceparent();
  const child = newTraceparent().spanId;
  const message = { code: 2, message: `no stock ${child} ${"x".repeat(2000)}` };
  await postSpan({ traceId, spanId, name: "click Buy", kind: 1 });
  await postSpan({ traceId, spanId: child, parentSpanId: spanId, name: "reserve", kind: 1, status: message });
  const search = new URLSearchParams({ q: `buy ${child}` });
  await page.goto(`${process.env.THROUGHLINE_COLLECTOR_URL}/?${search}`);
  await page.getByRole("link", { name: "click Buy" }).click();
  await page.getByRole("button", { name: "1 error: go to the next" }).click();
  const details = page.getByRole("complementary", { name: "Span details" });
  await expect(details.getByRole("heading", { name: "reserve" })).toBeVisible();
  const text = details.getByText(`no stock ${child}`);
  const height = async () => (await text.boundingBox())?.height ?? 0;
  const cut = await height();
  await details.getByRole("button", { name: "Show all" }).click();
  await expect.poll(height).toBeGreaterThan(cut * 2);
});

test("what comes meanwhile takes no focus from the button that closes a span that is not there", async ({
  page,
}) => {
  const { traceId, spanId } = newTraceparent();
  await postSpan({ traceId, spanId, name: "root", kind: 1 });
  const asked = newTraceparent().spanId;
  await page.goto(`${process.env.THROUGHLINE_COLLECTOR_URL}/trace/${traceId}?span=${asked}`);
  const close = page.getByRole("button", { name: "Close details" });
  await close.focus();
  await postSpan({
    traceId,
    spanId: newTraceparent().spanId,
    parentSpanId: spanId,
    name: "meanwhile",
    kind: 1,
  });
  await expect(page.getByRole("treegrid").getByText("meanwhile", { exact: true })).toBeVisible();
  await expect(close).toBeFocused();
});

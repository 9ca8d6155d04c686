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

test("a span shows what was logged while it was current", async ({ page }) => {
  const collector = process.env.THROUGHLINE_COLLECTOR_URL ?? "";
  const { traceId, spanId } = newTraceparent();
  const post = (path: string, body: object) =>
    fetch(`${collector}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const start = 1_790_000_000_000_000_000n;
  const times = { startTimeUnixNano: String(start), endTimeUnixNano: String(start + 9_000_000n) };
  const spans = [{ traceId, spanId, name: "reserve stock", kind: 1, ...times }];
  const logRecords = [
    {
      traceId,
      spanId,
      timeUnixNano: String(start + 3_000_000n),
      severityNumber: 13,
      severityText: "warn",
      body: { stringValue: "three pens left" },
    },
  ];
  await post("/v1/logs", { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  await post("/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
  await page.goto(`${collector}/trace/${traceId}?span=${spanId}`);
  const details = page.getByRole("complementary", { name: "Span details" });
  await expect(details.getByRole("heading", { name: "Logs" })).toBeVisible();
  await expect(details.getByText("three pens left")).toBeVisible();
  await expect(details.getByText("+3 ms", { exact: false })).toBeVisible();
});

test("a job's span leads to the one that sent it, and back", async ({ page }) => {
  const collector = process.env.THROUGHLINE_COLLECTOR_URL ?? "";
  const [request, job] = [newTraceparent(), newTraceparent()];
  const times = { startTimeUnixNano: "1790000000000000000", endTimeUnixNano: "1790000000001000000" };
  const link = { traceId: request.traceId, spanId: request.spanId };
  const spans = [
    { ...link, name: "publish emails", kind: 4, ...times },
    { traceId: job.traceId, spanId: job.spanId, name: "process emails", kind: 5, links: [link], ...times },
  ];
  const service = { key: "service.name", value: { stringValue: "shop" } };
  await fetch(`${collector}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      resourceSpans: [{ resource: { attributes: [service] }, scopeSpans: [{ spans }] }],
    }),
  });
  await page.goto(`${collector}/trace/${job.traceId}?span=${job.spanId}`);
  const details = page.getByRole("complementary", { name: "Span details" });
  await details.getByRole("link", { name: request.spanId }).click();
  await expect(details.getByRole("heading", { name: "publish emails" })).toBeVisible();
  await details.getByRole("link", { name: "process emails · shop" }).click();
  await expect(details.getByRole("heading", { name: "process emails" })).toBeVisible();
});

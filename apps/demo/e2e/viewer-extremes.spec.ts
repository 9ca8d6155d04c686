import { expect, type Locator, test } from "@playwright/test";
import { boxOf } from "./drawn-box.ts";
import { newTraceparent } from "./trace-reading.ts";

// What no demo sends: very many services, deep trees, low windows, lists that are longer than the window.

const collector = process.env.THROUGHLINE_COLLECTOR_URL ?? "";
const START = 1_790_000_000_000_000_000n;

interface Posted {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly service: string;
  readonly events?: readonly object[];
  readonly attributes?: readonly object[];
}

/** Posts spans of a millisecond each, one after another. */
async function postSpans(spans: readonly Posted[]): Promise<void> {
  const resourceSpans = spans.map(({ service, ...span }, at) => ({
    resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
    scopeSpans: [{ spans: [{ ...span, ...timesOf(BigInt(at)) }] }],
  }));
  const answer = await fetch(`${collector}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans }),
  });
  expect(answer.status).toBe(200);
}

function timesOf(at: bigint) {
  const start = START + at * 1_000_000n;
  return { startTimeUnixNano: String(start), endTimeUnixNano: String(start + 1_000_000n) };
}

/** Children of a span: `step 0`, `step 1`, … */
function stepsBelow(traceId: string, parentSpanId: string, count: number): readonly Posted[] {
  return Array.from({ length: count }, (_, at) => ({
    traceId,
    spanId: newTraceparent().spanId,
    parentSpanId,
    name: `step ${at}`,
    service: "shop",
  }));
}

async function heightOf(place: Locator): Promise<number> {
  return (await place.boundingBox())?.height ?? 0;
}

test("two hundred services and a span sixty levels deep leave room for the spans and their names", async ({
  page,
}) => {
  const { traceId } = newTraceparent();
  const ids = Array.from({ length: 200 }, () => newTraceparent().spanId);
  await postSpans(
    ids.map((spanId, at) => ({
      traceId,
      spanId,
      ...(at === 0 ? {} : { parentSpanId: ids[Math.min(at, 60) - 1] }),
      name: `step ${at}`,
      service: `service-${at}`,
    })),
  );
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${collector}/trace/${traceId}`);
  const tree = page.getByRole("treegrid");
  await expect(tree.getByText("step 1", { exact: true })).toBeVisible();
  expect(await heightOf(tree)).toBeGreaterThan(400);
  await page.keyboard.press("End");
  const label = tree.getByText("step 199", { exact: true });
  await expect(label).toBeVisible();
  // A row that is drawn anew in between is asked again.
  await expect.poll(async () => (await label.boundingBox())?.width ?? 0).toBeGreaterThan(30);
  await page.getByRole("button", { name: "Show all 200 services" }).click();
  await expect(page.getByText("service-199", { exact: true }).first()).toBeVisible();
  expect(await heightOf(tree)).toBeGreaterThan(200);
});

test("in a window of 640 by 360, which is a zoom of 200 %, the spans keep their room and can be reached", async ({
  page,
}) => {
  const { traceId, spanId } = newTraceparent();
  const lost = { parentSpanId: newTraceparent().spanId, service: "shop" };
  await postSpans([{ traceId, spanId, ...lost, name: "lost" }]);
  await page.setViewportSize({ width: 640, height: 360 });
  await page.goto(`${collector}/trace/${traceId}?span=${spanId}`);
  const tree = page.getByRole("treegrid");
  expect(await heightOf(tree)).toBeGreaterThan(100);
  await tree.getByText("lost").click();
  await page.getByRole("button", { name: "Close details" }).click();
  expect(await heightOf(tree)).toBeGreaterThan(100);
});

test("a span is copied as JSON", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: collector });
  const { traceId, spanId } = newTraceparent();
  await postSpans([{ traceId, spanId, name: "reserve", service: "shop" }]);
  await page.goto(`${collector}/trace/${traceId}?span=${spanId}`);
  await page.getByRole("button", { name: "Copy span as JSON" }).click();
  await expect(page.getByRole("button", { name: "Copied span as JSON" })).toBeVisible();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  expect(copied).toMatchObject({ traceId, spanId, name: "reserve", startUnixNano: String(START) });
});

test("a link to a span that is not there says so, and shows it once it arrives", async ({ page }) => {
  const { traceId, spanId } = newTraceparent();
  const late = newTraceparent().spanId;
  await postSpans([{ traceId, spanId, name: "root", service: "shop" }]);
  await page.goto(`${collector}/trace/${traceId}?span=${late}`);
  const details = page.getByRole("complementary", { name: "Span details" });
  await expect(details.getByRole("heading", { name: "This span is not here" })).toBeVisible();
  await postSpans([{ traceId, spanId: late, parentSpanId: spanId, name: "late", service: "shop" }]);
  await expect(details.getByRole("heading", { name: "late" })).toBeVisible();
  await details.getByRole("button", { name: "Close details" }).click();
  await expect(details).toBeHidden();
});

for (const way of ["the browser's button", "the page's button"]) {
  test(`${way} leads back to the list as it was left: filter, place and focus`, async ({ page }) => {
    const run = newTraceparent().spanId;
    const traces = Array.from({ length: 60 }, () => newTraceparent());
    await postSpans(traces.map((ids, at) => ({ ...ids, name: `${run} ${at}`, service: "shop" })));
    await page.goto(`${collector}/?q=${run}`);
    const row = page.getByRole("link", { name: `${run} 10`, exact: false }).first();
    await row.focus();
    const before = await row.boundingBox();
    await page.keyboard.press("Enter");
    await expect(page.getByRole("treegrid")).toBeVisible();
    if (way === "the browser's button") await page.goBack();
    else await page.getByRole("link", { name: "All traces" }).click();
    await expect(row).toBeFocused();
    expect(await row.boundingBox()).toEqual(before);
    expect(page.url()).toContain(`q=${run}`);
  });
}

test("a narrow header holds every badge, and words that are not seen are heard", async ({ page }) => {
  const stats = { store: "memory", traces: 1, spans: 1, evictedTraces: 0, logRecords: 0, metricPoints: 0 };
  await page.route("**/api/stats", (route) =>
    route.fulfill({ json: { ...stats, rejectedSpans: 12_345, droppedBySenders: 123_456 } }),
  );
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(collector);
  const header = page.getByRole("banner");
  await expect(header).toContainText("123,456 spans dropped by senders");
  await expect(header.getByText("Live", { exact: true })).toBeInViewport({ ratio: 1 });
  await expect(header.getByRole("button", { name: "Keyboard shortcuts" })).toBeInViewport({ ratio: 1 });
});

test("rows that do not answer the filter are not shown while the collector is away", async ({ page }) => {
  const ids = newTraceparent();
  await postSpans([{ ...ids, name: ids.spanId, service: "shop" }]);
  await page.goto(`${collector}/?q=${ids.spanId}`);
  const row = page.getByRole("link", { name: ids.spanId });
  await expect(row).toBeVisible();
  await page.route("**/api/traces?**", (route) => route.abort());
  await page.getByRole("searchbox", { name: "Filter traces" }).fill("another");
  await expect(page.getByRole("heading", { name: "The collector does not answer" })).toBeVisible();
  await expect(row).toBeHidden();
  await page.unroute("**/api/traces?**");
  await page.getByRole("searchbox", { name: "Filter traces" }).fill(ids.spanId);
  await expect(row).toBeVisible();
});

test("a finding that comes while one reads does not move the rows", async ({ page }) => {
  const { traceId, spanId } = newTraceparent();
  await postSpans([{ traceId, spanId, name: "root", service: "shop" }, ...stepsBelow(traceId, spanId, 200)]);
  await page.goto(`${collector}/trace/${traceId}`);
  const tree = page.getByRole("treegrid");
  const label = tree.getByText("step 100", { exact: true });
  await expect(tree.getByText("root", { exact: true })).toBeVisible();
  await tree.evaluate((grid) => grid.scrollTo(0, 2500));
  await expect(label).toBeInViewport();
  const before = await boxOf(label);
  const lost = { traceId, spanId: newTraceparent().spanId, parentSpanId: newTraceparent().spanId };
  await postSpans([{ ...lost, name: "lost", service: "shop" }]);
  await expect(page.getByRole("region", { name: "Findings" })).toBeVisible();
  expect(Math.abs((await boxOf(label)).y - before.y)).toBeLessThan(1.5);
});

test("what comes after one has scrolled a low window moves no row", async ({ page }) => {
  const { traceId, spanId } = newTraceparent();
  await postSpans([{ traceId, spanId, name: "root", service: "shop" }, ...stepsBelow(traceId, spanId, 200)]);
  await page.setViewportSize({ width: 640, height: 360 });
  await page.goto(`${collector}/trace/${traceId}`);
  const tree = page.getByRole("treegrid");
  const label = tree.getByText("step 100", { exact: true });
  await expect(tree.getByText("root", { exact: true })).toBeVisible();
  await tree.evaluate((grid) => grid.scrollTo(0, 2800));
  await expect(label).toBeAttached();
  const scrolled = await page.getByRole("main").evaluate((main) => {
    main.scrollTo(0, 100);
    return main.scrollTop;
  });
  expect(scrolled).toBeGreaterThan(50);
  const before = await boxOf(label);
  await postSpans(stepsBelow(traceId, spanId, 1));
  await expect(tree).toHaveAttribute("aria-rowcount", "203");
  expect(Math.abs((await boxOf(label)).y - before.y)).toBeLessThan(1.5);
});

test("the rows stand in their order, and the active one is there, however one has scrolled", async ({
  page,
}) => {
  const { traceId } = newTraceparent();
  const ids = Array.from({ length: 200 }, () => newTraceparent().spanId);
  await postSpans(ids.map((spanId, at) => ({ traceId, spanId, name: `step ${at}`, service: "shop" })));
  await page.goto(`${collector}/trace/${traceId}`);
  const tree = page.getByRole("treegrid");
  const active = await tree.getAttribute("aria-activedescendant");
  for (const [top, seen] of [
    [4000, "step 145"],
    [2000, "step 75"],
  ] as const) {
    await tree.evaluate((grid, scrollTop) => grid.scrollTo(0, scrollTop), top);
    await expect(tree.getByText(seen, { exact: true })).toBeInViewport();
    await expect(page.locator(`#${active}`)).toBeAttached();
    const indexes = await tree
      .locator(".span-row")
      .evaluateAll((rows) => rows.map((row) => Number(row.getAttribute("aria-rowindex"))));
    expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
  }
});

test("the first stop of the keyboard leads past the filter to the traces", async ({ page }) => {
  const ids = newTraceparent();
  await postSpans([{ ...ids, name: ids.spanId, service: "shop" }]);
  await page.goto(`${collector}/?q=${ids.spanId}`);
  const row = page.getByRole("link", { name: ids.spanId });
  await expect(row).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Skip to the content" })).toBeInViewport({ ratio: 1 });
  await page.keyboard.press("Enter");
  await expect(row).toBeFocused();
});

test("of thousands of events and a long value the details draw as much as is read", async ({ page }) => {
  const { traceId, spanId } = newTraceparent();
  const events = Array.from({ length: 2000 }, (_, at) => ({
    name: `tick ${at}`,
    timeUnixNano: String(START),
  }));
  const attributes = [{ key: "note", value: { stringValue: `${"long ".repeat(20_000)}end` } }];
  await postSpans([{ traceId, spanId, name: "busy", service: "shop", events, attributes }]);
  await page.goto(`${collector}/trace/${traceId}?span=${spanId}`);
  const details = page.getByRole("complementary", { name: "Span details" });
  await expect(details.getByText("tick 49", { exact: true })).toBeAttached();
  expect(await details.evaluate((pane) => pane.textContent?.length)).toBeLessThan(10_000);
  await details.getByRole("button", { name: "Show all 2,000 events" }).click();
  await expect(details.getByText("tick 1999", { exact: true })).toBeAttached();
  await details.getByRole("button", { name: "Show all", exact: true }).click();
  expect(await details.evaluate((pane) => pane.textContent?.length)).toBeGreaterThan(100_000);
});

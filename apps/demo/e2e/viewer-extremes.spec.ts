import { expect, type Locator, test } from "@playwright/test";
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
  readonly status?: { readonly code: number; readonly message: string };
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
  expect((await label.boundingBox())?.width).toBeGreaterThan(30);
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

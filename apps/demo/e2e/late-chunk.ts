import { type BrowserContext, expect, type Page } from "@playwright/test";
import { isClassic } from "./fixtures/preset.mjs";
import { type PostedSpan, postedSpan, spansIn, spansInPost } from "./posted-span.ts";
import { awaitTrace, readTrace, spanOf } from "./trace-reading.ts";

const VITALS = ["FCP", "TTFB", "LCP", "INP", "CLS"] as const;
const KEPT = "throughline.post.";
/** Posts are tried again seconds later, also where tests are told to be quick (`E2E_PRESET=classic`). */
const LATER = { timeout: 15_000 };
/** After as many an endpoint that does not answer would be left alone. */
const TRIES = 3;

/**
 * Loads the shop; resolves with its page load once the chunk that follows the `load` event runs: the time to the first
 * byte is told as soon as it does.
 */
async function openShop(page: Page, url: string): Promise<PostedSpan> {
  const [load] = await Promise.all([
    postedSpan(page, "page load"),
    postedSpan(page, "web vital TTFB"),
    page.goto(url),
  ]);
  return load;
}

/** That preset tells of a request 300 ms after its answer, and one that is not told of by then is lost: `LIMITS.late`. */
const untilTold = (page: Page) => (isClassic ? postedSpan(page, "POST") : undefined);

const buy = (page: Page): Promise<void> => page.getByRole("button", { name: "Buy Cedar" }).click();

/** Vitals are below the page load, and a request that is made after it has the browser's own times. */
export async function expectVitalsAndTiming(page: Page, url: string, service: string): Promise<void> {
  const load = await openShop(page, url);
  const told = untilTold(page);
  const [request] = await Promise.all([page.waitForRequest("**/api/orders"), buy(page)]);
  await expect(page.getByRole("link", { name: "View order" })).toBeVisible();
  // The first interaction is told of, however short it was.
  await page.evaluate(
    () =>
      new Promise<void>((told) =>
        new PerformanceObserver(() => told()).observe({ type: "first-input", buffered: true }),
      ),
  );
  await told;
  await page.goto("about:blank");
  const visit = await awaitTrace(
    load.traceId,
    VITALS.map((name) => `web vital ${name} · internal · ${service}-web`),
  );
  for (const name of VITALS)
    expect(spanOf(visit, `web vital ${name}`, "internal").parentSpanId, name).toBe(load.spanId);

  const [, traceId = "", spanId = ""] = (request.headers().traceparent ?? "").split("-");
  const trace = await awaitTrace(traceId, [`POST /api/orders · client · ${service}-web`]);
  const order = spanOf(trace, "POST /api/orders", "client");
  expect(order.spanId).toBe(spanId);
  expect(order.events.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["fetchStart", "requestStart", "responseStart", "responseEnd"]),
  );
  if (!isClassic) expect(order.attributes["http.response.body.size"]).toBeGreaterThan(0);
}

/** What a page that is left without a network has not delivered is kept, and the next load sends it. */
export async function expectOfflineQueue(page: Page, url: string): Promise<void> {
  const context = page.context();
  await openShop(page, url);
  const told = untilTold(page);
  await orderOffline(page);
  await told;
  await page.goto("about:blank");
  const kept = await spansKeptIn(context);
  expect(kept.map(({ name }) => name)).toEqual(expect.arrayContaining(["click Buy", "POST"]));
  await context.setOffline(false);
  await openShop(page, url);
  await expectArrived(kept);
  expect(await spansKeptIn(context)).toEqual([]);
}

/** Tries without a network are not held against the endpoint: this very page goes on when it is back. */
export async function expectEndpointTriedAgain(page: Page, url: string): Promise<void> {
  await openShop(page, url);
  const failed: (readonly PostedSpan[])[] = [];
  page.on("requestfailed", (request) => {
    const spans = spansIn(request);
    if (spans.length > 0) failed.push(spans);
  });
  const namesSince = (tries: number) =>
    failed
      .slice(tries)
      .flat()
      .map(({ name }) => name);
  await orderOffline(page);
  await expect.poll(() => namesSince(0), LATER).toContain("click Buy");
  // What ends while a post waits for its next try goes in another.
  await page.getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => namesSince(TRIES), LATER).toContain("click Try again");
  await page.context().setOffline(false);
  await expectArrived(failed.flat());
}

/** The same of an app that is no shop, with one request for each. */
export async function expectLateInstruments(page: Page, url: string): Promise<void> {
  const context = page.context();
  const ask = () =>
    page
      .evaluate(() => fetch("/api/echo/late", { method: "HEAD" }).catch(() => undefined))
      .then(() => undefined);
  const [vital, load] = await Promise.all([postedSpan(page, "web vital TTFB"), openShop(page, url)]);
  expect(vital.parentSpanId).toBe(load.spanId);
  // The browser may tell of one too late for its span where it is busy.
  await expect(async () => {
    const [request] = await Promise.all([postedSpan(page, "HEAD"), ask()]);
    expect(request.events?.map(({ name }) => name)).toContain("responseEnd");
  }).toPass({ timeout: 10_000 });

  await context.setOffline(true);
  await ask();
  await page.goto("about:blank");
  const kept = await spansKeptIn(context);
  expect(kept.map(({ name }) => name)).toContain("HEAD");
  await context.setOffline(false);
  await openShop(page, url);
  await expectArrived(kept);
  expect(await spansKeptIn(context)).toEqual([]);
}

async function orderOffline(page: Page): Promise<void> {
  await page.context().setOffline(true);
  await buy(page);
  await expect(page.getByRole("button", { name: "Try again" })).toBeVisible();
}

async function spansKeptIn(context: BrowserContext): Promise<readonly PostedSpan[]> {
  const { origins } = await context.storageState();
  return origins
    .flatMap(({ localStorage }) => localStorage)
    .flatMap(({ name, value }) => (name.startsWith(KEPT) ? spansInPost(value) : []));
}

/** With the times that they had when they ended. */
async function expectArrived(spans: readonly PostedSpan[]): Promise<void> {
  for (const { traceId, spanId, startTimeUnixNano, endTimeUnixNano } of spans) {
    const find = async () => (await readTrace(traceId))?.spans.find((span) => span.spanId === spanId);
    await expect
      .poll(find, LATER)
      .toMatchObject({ startUnixNano: startTimeUnixNano, endUnixNano: endTimeUnixNano });
  }
}

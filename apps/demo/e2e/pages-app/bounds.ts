import { expect, type Page, test } from "@playwright/test";
import { type BrowserSpan, collectSpans, textOf } from "../browser-spans.ts";
import { isClassic, LIMITS } from "../fixtures/preset.mjs";
import { servedBy, traceIdOf } from "../trace-reading.ts";

/** The browser rounds its clock, and OpenTelemetry's SDK takes whole milliseconds. */
const CLOCK_MS = isClassic ? 1.2 : 0.2;

/** When page loads and navigations begin and end. */
export function testBounds(origin: () => string): void {
  test("a load whose image never comes ends by its deadline, below its SERVER span, and what is fetched later is none of it", async ({
    page,
  }) => {
    test.fail(isClassic, LIMITS.guess);
    const sent = collectSpans(page);
    await page.addInitScript(holdImageAndDeadlines);
    await page.route("**/never.png", () => undefined);
    const response = await page.goto(`${origin()}/static`, { waitUntil: "commit" });
    const served = servedBy(response);
    await expect.poll(() => page.evaluate("deadlines.length")).toBeGreaterThan(0);
    expect(await traceOfFetch(page)).toBe(served.traceId);
    await page.evaluate("deadlines.map((run) => run())");
    await expect
      .poll(() => sent.filter(({ name }) => name === "page load"))
      .toMatchObject([{ traceId: served.traceId, parentSpanId: served.spanId }]);
    const [load] = sent.filter(({ name }) => name === "page load");
    expect(load && textOf(load, "throughline.ended_by")).toBe("deadline");
    expect(await page.evaluate("document.readyState")).toBe("interactive");
    await expect.poll(() => traceOfFetch(page)).not.toBe(served.traceId);
  });

  test("a navigation of the App Router begins as the router tells of it and ends as the new URL is written", async ({
    page,
  }) => {
    const sent = collectSpans(page);
    await page.addInitScript(noteClicksAndCommits);
    await page.goto(`${origin()}/links`);
    await page.waitForLoadState("networkidle");
    await page.getByRole("link", { name: "Item 7", exact: true }).click();
    await expect(page.getByRole("heading", { name: "item 7" })).toBeVisible();
    await expectBounds(page, sent, "navigate /item/[id]");
  });

  test("a navigation of the Pages Router begins and ends with the events of the router", async ({ page }) => {
    const sent = collectSpans(page);
    await page.goto(`${origin()}/classic`);
    await page.waitForLoadState("networkidle");
    await page.evaluate(noteRouterEvents);
    await page.getByRole("link", { name: "Other" }).click();
    await expect(page.getByRole("heading", { name: /^other/ })).toBeVisible();
    await expectBounds(page, sent, "navigate /other");
  });
}

/** Runs in the page: an image keeps its load event from coming, and its timers of 30 seconds are the test's to run. */
function holdImageAndDeadlines(): void {
  const native = window.setTimeout;
  const deadlines: unknown[] = [];
  const setTimeout = (run: () => void, ms?: number, ...rest: unknown[]): number =>
    // No id that a timer of the browser has.
    ms === 30_000 ? -deadlines.push(run) : native(run, ms, ...rest);
  const image = new Image();
  image.src = "/never.png";
  Object.assign(window, { setTimeout, deadlines, image });
}

/** The trace of a request that the page makes now, out of nowhere. */
async function traceOfFetch(page: Page): Promise<string> {
  const [request] = await Promise.all([
    page.waitForRequest("**/api/echo"),
    page.evaluate(() => fetch("/api/echo").then((answer) => answer.text())),
  ]);
  return traceIdOf(request);
}

type Times = readonly number[];
interface Noted {
  /** Before and after whatever has to begin or to end the navigation. */
  readonly began: Times;
  readonly ended: Times;
}

/** Runs in the page before it: the App Router tells of its start within the click. */
function noteClicksAndCommits(): void {
  const noted = { began: [] as number[], ended: [] as number[] };
  Object.assign(window, { noted });
  for (const isCapture of [true, false])
    window.addEventListener("click", () => noted.began.push(performance.now()), isCapture);
  const { pushState } = history;
  history.pushState = (...args) => {
    const before = performance.now();
    Reflect.apply(pushState, history, args);
    noted.ended = [before, performance.now()];
  };
}

/** Runs in the page once its router is there. */
function noteRouterEvents(): void {
  interface Emitter {
    emit: (name: string, ...args: unknown[]) => void;
  }
  const noted: Record<string, readonly number[]> = {};
  Object.assign(window, { noted });
  const { events } = (window as unknown as { next: { router: { events: Emitter } } }).next.router;
  const { emit } = events;
  const names: Readonly<Record<string, string>> = { routeChangeStart: "began", routeChangeComplete: "ended" };
  events.emit = (name, ...args) => {
    const before = performance.now();
    emit(name, ...args);
    noted[names[name] ?? name] = [before, performance.now()];
  };
}

async function expectBounds(page: Page, sent: readonly BrowserSpan[], name: string): Promise<void> {
  await expect.poll(() => sent.filter((span) => span.name === name)).toHaveLength(1);
  const [span] = sent.filter((one) => one.name === name);
  const origin = await page.evaluate("performance.timeOrigin");
  const noted = await page.evaluate<Noted>("noted");
  expectWithin(Number(span?.startTimeUnixNano) / 1e6 - Number(origin), noted.began);
  expectWithin(Number(span?.endTimeUnixNano) / 1e6 - Number(origin), noted.ended);
}

function expectWithin(time: number, [from = Number.NaN, to = Number.NaN]: Times): void {
  expect(time).toBeGreaterThanOrEqual(from - CLOCK_MS);
  expect(time).toBeLessThanOrEqual(to + CLOCK_MS);
}

import { expect, type Page, test } from "@playwright/test";
import { parseTraceparent } from "@throughline/core";
import {
  awaitRequests,
  type BrowserSpan,
  collectSpans,
  type Outcome,
  outcomeOf,
  requestsTo,
} from "./browser-spans.ts";
import { BUILDS, type Build, CASES, clientCodeOf, THENABLES, withApp } from "./context-builds.ts";
import { expectLateInstruments } from "./late-chunk.ts";
import { expectVisitsOfTheirOwn } from "./pages-app/visits.ts";
import { readTrace } from "./trace-reading.ts";

const REQUESTS_OF_A_FLOW = 3;
/** As long as a click without work may be taken for a parent. */
const IDLE_MS = 1000;

/** The library of the last four again, under a name that `transpilePackages` does not hold. */
const FOREIGN = ["foreign-await", "foreign-timer", "foreign-generator", "foreign-catch"] as const;

interface Seen {
  readonly owners: Readonly<Record<string, string>>;
  readonly clickedAt: number;
  readonly finished: number;
  readonly native: boolean;
  readonly ready: boolean;
}

interface Report {
  readonly isNative: boolean;
  readonly compiled: Readonly<Record<string, readonly string[]>>;
  readonly native: Readonly<Record<string, readonly string[]>>;
  readonly spans: readonly (readonly [caller: string, ...seen: string[]])[];
}

/** zone.js has a queue of its own, in which what happens in one tick has another order, and promises of its own. */
const REORDERED = [
  "calls at the same time",
  "a promise with a then of its own",
  "a then that throws, in its turn",
];

for (const build of BUILDS) {
  test(`${build.name}: each of the ${CASES.length} ways from a click to a fetch keeps the click or says that it guessed, and ${build.pairs} overlapping pairs of clicks and of spans never cross`, async ({
    page,
  }, testInfo) => {
    test.setTimeout(300_000);
    await withApp(build, async (url) => {
      const spans = collectSpans(page);
      await openPage(page, url);
      expect((await seenBy(page)).native).toBe(build.native);
      // Only who asked for it gets the hook.
      expect(clientCodeOf(build).includes("awaitHook() is off")).toBe(build.options.context === "await-hook");

      const outcomes = await clickEveryCase(page, spans);
      const table = [...outcomes].map(([name, outcome]) => `${name.padEnd(18)}${outcome}`).join("\n");
      console.log(`${build.name}\n${table}`);
      await testInfo.attach("context", { body: table });
      const lost = [...outcomes].filter(([, outcome]) => outcome !== "exact").map(([name]) => name);
      expect(outcomes.size).toBe(CASES.length);
      expect([...outcomes.values()]).not.toContain("WRONG");
      expect(lost, table).toEqual(build.lost);
      for (const name of lost) expect(await clickAlone(page, spans, name), name).toBe(build.otherwise);

      for (const name of THENABLES) expect(await clickAlone(page, spans, name), name).toBe(build.thenables);

      await testServerSpan(page, spans);
      await testForeignPackage(page, spans, build);
      await testBackgroundPoller(page, spans, build);
      await testNextsOwnRequests(page, spans);
      await openPage(page, url);
      await testOverlappingPairs(page, spans, build.pairs);
      await openPage(page, url);
      await testOverlappingSpans(page, spans, build.pairs);
      await test.step("async functions and generators do what native ones do", () =>
        testGenerators(page, url, build));
      const isXhrTraced = requestsTo(spans, "/api/echo/first").length > 2;
      expect(isXhrTraced, "only who asked for it").toBe(build.options.xhr === true);
      // The shop is the two others, in late-chunk.spec.ts.
      if (["webpack", "await-hook"].includes(build.name))
        await test.step("what a page loads after its `load` event", () => expectLateInstruments(page, url));
      // Other specs look at page loads in builds of Turbopack.
      if (build.name !== "webpack") return;
      await test.step("with `xhr` an XMLHttpRequest carries its click's trace", () =>
        testXhr(page, url, spans));
      await test.step("each visit is a trace of its own, with the span that served it", () =>
        expectVisitsOfTheirOwn(page, url));
    });
  });
}

async function openPage(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => (globalThis as unknown as { seen?: Seen }).seen?.ready);
}

async function clickEveryCase(
  page: Page,
  spans: readonly BrowserSpan[],
): Promise<ReadonlyMap<string, Outcome>> {
  for (const name of CASES) await click(page, name);
  const { owners } = await seenBy(page);
  const outcomes = new Map<string, Outcome>();
  for (const name of CASES) {
    const [request] = await awaitRequests(spans, `/api/echo/${name}`, 1);
    outcomes.set(name, await outcomeOf(request, owners[name], spans));
  }
  const [child] = await awaitRequests(spans, "/api/echo/child-span", 1);
  expect(child?.parentSpanId, "the innermost span is the parent").not.toBe(owners["child-span"]);
  return outcomes;
}

/** A click and the answer to the request it leads to. */
async function click(page: Page, name: string): Promise<void> {
  const answer = page.waitForResponse((response) => response.url().endsWith(`/api/echo/${name}`));
  await page.getByRole("button", { name, exact: true }).click();
  await (await answer).finished();
}

/** Once more, when every click before has ended. */
async function clickAlone(page: Page, spans: readonly BrowserSpan[], name: string): Promise<Outcome> {
  await everyClickEnded(page, spans);
  return clickAgain(page, spans, name);
}

async function everyClickEnded(page: Page, spans: readonly BrowserSpan[]): Promise<void> {
  await expect.poll(async () => openClicks(await seenBy(page), spans)).toEqual([]);
  await page.waitForFunction((ms) => {
    const { clickedAt } = (globalThis as unknown as { seen: Seen }).seen;
    return performance.now() - clickedAt > ms;
  }, IDLE_MS);
}

async function clickAgain(page: Page, spans: readonly BrowserSpan[], name: string): Promise<Outcome> {
  const path = `/api/echo/${name}`;
  const before = requestsTo(spans, path);
  await click(page, name);
  const request = (await awaitRequests(spans, path, before.length + 1)).find(
    (span) => !before.includes(span),
  );
  return outcomeOf(request, (await seenBy(page)).owners[name], spans);
}

/** Clicks whose work has not been exported; one whose work had lost it never is. */
function openClicks({ owners }: Seen, spans: readonly BrowserSpan[]): readonly string[] {
  const below = new Set(spans.map(({ parentSpanId }) => parentSpanId));
  const ended = new Set(spans.map(({ spanId }) => spanId));
  return Object.values(owners).filter((spanId) => below.has(spanId) && !ended.has(spanId));
}

/** What went over the wire is the id of the CLIENT span, and the parent of the server's. */
async function testServerSpan(page: Page, spans: readonly BrowserSpan[]): Promise<void> {
  const asked = page.waitForRequest("**/api/echo/await-timer");
  await page.getByRole("button", { name: "await-timer", exact: true }).click();
  const sent = parseTraceparent((await asked).headers().traceparent ?? "");
  await expect.poll(() => spans.map(({ spanId }) => spanId)).toContain(sent?.spanId);
  const kindsBelow = async () =>
    (await readTrace(sent?.traceId ?? ""))?.spans
      .filter(({ parentSpanId }) => parentSpanId === sent?.spanId)
      .map(({ kind }) => kind);
  await expect.poll(kindsBelow).toEqual(["server"]);
}

async function testForeignPackage(
  page: Page,
  spans: readonly BrowserSpan[],
  { foreign: [alone, besideAnother] }: Build,
): Promise<void> {
  for (const name of FOREIGN) expect(await clickAlone(page, spans, name), `${name}, alone`).toBe(alone);
  const held = page.waitForRequest("**/api/gate");
  await page.getByRole("button", { name: "held" }).click();
  await held;
  for (const name of FOREIGN) {
    expect(await clickAgain(page, spans, name), `${name}, beside another click`).toBe(besideAnother);
  }
  await page.evaluate(() => navigator.sendBeacon("/api/gate"));
  const { owners } = await seenBy(page);
  const [gate] = await awaitRequests(spans, "/api/gate", 1);
  expect(await outcomeOf(gate, owners.held, spans)).toBe("exact");
  const stolen = spans.filter(({ parentSpanId }) => parentSpanId === owners.held);
  expect(stolen, "the click that waited has no request but its own").toHaveLength(1);
}

/** The case that is named so asks by one before it fetches. */
async function testXhr(page: Page, url: string, spans: readonly BrowserSpan[]): Promise<void> {
  await openPage(page, url);
  await page.waitForLoadState("networkidle");
  const asked = page.waitForRequest("**/api/echo/first");
  await click(page, "xhr");
  const sent = parseTraceparent((await asked).headers().traceparent ?? "");
  const own = () => spans.find(({ spanId }) => spanId === sent?.spanId);
  await expect.poll(own).toBeDefined();
  const { owners } = await seenBy(page);
  expect(await outcomeOf(own(), owners.xhr, spans)).toBe("exact");
}

/** What runs beside an open click is no work of it, and at most guessed to be. */
async function testBackgroundPoller(
  page: Page,
  spans: readonly BrowserSpan[],
  { otherwise }: Build,
): Promise<void> {
  await everyClickEnded(page, spans);
  const poller = await page.evaluate(() => Number(setInterval(() => fetch("/api/echo/poll"), 50)));
  const held = page.waitForRequest("**/api/gate");
  await page.getByRole("button", { name: "held" }).click();
  await held;
  const polled = await page.waitForRequest("**/api/echo/poll");
  await page.evaluate((id) => {
    clearInterval(id);
    navigator.sendBeacon("/api/gate");
  }, poller);
  const sent = parseTraceparent(polled.headers().traceparent ?? "");
  const poll = () => spans.find(({ spanId }) => spanId === sent?.spanId);
  await expect.poll(poll).toBeDefined();
  const { owners } = await seenBy(page);
  expect(await outcomeOf(poll(), owners.held, spans), "a poll beside the click").toBe(otherwise);
}

async function testNextsOwnRequests(page: Page, spans: readonly BrowserSpan[]): Promise<void> {
  await page.getByRole("button", { name: "server-action" }).click();
  await page.getByText("doubled: 4").waitFor();
  await page.getByRole("button", { name: "router-push" }).click();
  await page.getByRole("heading", { name: "The other page" }).waitFor();
  const { owners } = await seenBy(page);
  const [posted] = await awaitRequests(spans, "/", 1);
  expect(await outcomeOf(posted, owners["server-action"], spans), "the server action's request").toBe(
    "exact",
  );
  const [pushed] = await awaitRequests(spans, "/other", 1);
  expect(await outcomeOf(pushed, owners["router-push"], spans), "the router's request").toBe("exact");
}

async function testOverlappingPairs(page: Page, spans: readonly BrowserSpan[], pairs: number): Promise<void> {
  const middles: { readonly x: number; readonly y: number }[] = [];
  for (const name of ["a", "b"]) {
    const box = await page.getByRole("button", { name, exact: true }).boundingBox();
    if (!box) throw new Error(`button ${name} cannot be seen`);
    middles.push({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
  }
  for (let pair = 1; pair <= pairs; pair++) {
    for (const { x, y } of middles) await page.mouse.click(x, y);
    await page.waitForFunction(
      (finished) => (globalThis as unknown as { seen: Seen }).seen.finished === finished,
      2 * pair,
    );
  }
  await expectAllExact(page, spans, pairs);
}

async function testOverlappingSpans(page: Page, spans: readonly BrowserSpan[], pairs: number): Promise<void> {
  await page.evaluate(async (count) => {
    const { overlapSpans } = globalThis as unknown as { overlapSpans(pair: number): Promise<void> };
    for (let pair = 1; pair <= count; pair++) await overlapSpans(pair);
  }, pairs);
  await expectAllExact(page, spans, pairs);
}

/** Of everything in this page that noted its span. */
async function expectAllExact(page: Page, spans: readonly BrowserSpan[], pairs: number): Promise<void> {
  const { owners } = await seenBy(page);
  const outcomes: Outcome[] = [];
  for (const [flow, owner] of Object.entries(owners).filter(([name]) => /^(flow|span)-/.test(name))) {
    const requests = await awaitRequests(spans, `/api/echo/${flow}-`, REQUESTS_OF_A_FLOW);
    for (const request of requests) outcomes.push(await outcomeOf(request, owner, spans));
  }
  expect(new Set(Object.values(owners)).size, "each is a span of its own").toBe(2 * pairs);
  expect(outcomes).toHaveLength(2 * pairs * REQUESTS_OF_A_FLOW);
  expect(outcomes.filter((outcome) => outcome !== "exact")).toEqual([]);
}

/** The same programs compiled as this build does it, and as they were written. */
async function testGenerators(page: Page, url: string, { native, options }: Build): Promise<void> {
  await page.goto(`${url}generators`);
  await page.waitForFunction(() => "report" in globalThis);
  const report = await page.evaluate(() => (globalThis as unknown as { report(): Promise<Report> }).report());
  expect(report.isNative).toBe(native);
  expect(Object.keys(report.native).length).toBeGreaterThan(40);
  const reordered = options.preset === "classic" ? REORDERED : [];
  for (const [name, log] of Object.entries(report.native))
    if (!reordered.includes(name)) expect(report.compiled[name], name).toEqual(log);
  if (native) return;
  for (const [caller, ...seen] of report.spans) expect(seen, "the spans it ran in").toEqual([caller, caller]);
}

function seenBy(page: Page): Promise<Seen> {
  return page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);
}

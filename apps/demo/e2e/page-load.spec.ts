import { expect, type Page, type Request, test } from "@playwright/test";
import { createProcesses } from "../../../scripts/processes.mjs";
import { collectedSpans } from "./engines/collected-spans.ts";
import { isClassic, LIMITS } from "./fixtures/preset.mjs";
import { startNextApp } from "./next-app.ts";
import { testBounds } from "./pages-app/bounds.ts";
import { testErrors } from "./pages-app/errors.ts";
import { testPrerender } from "./pages-app/prerender.ts";
import { testQueuedActions } from "./pages-app/queued-actions.ts";
import { testRestores } from "./pages-app/restore.ts";
import { testRounds } from "./pages-app/rounds.ts";
import { testSecrets } from "./pages-app/secrets.ts";
import { testSoftNavigation } from "./pages-app/soft-navigation.ts";
import { expectNoTraceId, testVisits } from "./pages-app/visits.ts";
import { testVitals } from "./pages-app/vitals.ts";
import { type PostedSpan, postedSpan } from "./posted-span.ts";
import { startReplayingProxy } from "./replaying-proxy.ts";
import {
  ancestorsOf,
  awaitTrace,
  expectJoinedLoad,
  lines,
  readTrace,
  servedBy,
  spanOf,
  traceIdOf,
} from "./trace-reading.ts";

const VISITS = isClassic ? 5 : 20;

test.describe.configure({ mode: "default" });
const processes = createProcesses();
let origin = "";
let cacheOrigin = "";

// Apps with every kind of page: this file builds and serves them itself.
test.beforeAll(async () => {
  test.setTimeout(240_000);
  origin = await startNextApp({ processes, folder: "pages-app", serviceName: "pages" });
  if (isClassic) return;
  const cache = await startNextApp({ processes, folder: "cache-app", serviceName: "cache" });
  // That app lives under a `basePath`.
  cacheOrigin = `${cache}/base`;
});

test.afterAll(() => processes.stopAll());

testVisits(
  () => origin,
  [
    ["a dynamic page", "/dynamic"],
    ["a static page", "/static"],
    ["a `use cache` page", "/cached"],
    ["a Pages Router page", "/classic"],
    ["a static Pages Router page", "/kept"],
    ["a Pages Router page that is rendered anew each second", "/renewed"],
  ],
);

// Starts the preset that its configuration asks for, which is the default.
if (!isClassic) testAppWithCacheComponents();

test(`${VISITS} visits each of an ISR page before and at a revalidation are traces of their own`, async ({
  page,
}) => {
  test.slow();
  const visits: { readonly state: string; readonly served: ReturnType<typeof servedBy> }[] = [];
  const visitsThat = (state: string) => visits.filter((visit) => visit.state === state);
  // A second after its last rendering the page is stale once, then fresh again.
  while (visitsThat("HIT").length < VISITS || visitsThat("STALE").length < VISITS) {
    const response = await page.goto(`${origin}/isr`, { waitUntil: "load" });
    await expectNoTraceId(response);
    visits.push({ state: response?.headers()["x-nextjs-cache"] ?? "", served: servedBy(response) });
  }
  expect(visits.map(({ state }) => state).join()).toContain("STALE,HIT");
  expect(new Set(visits.map(({ served }) => served.traceId)).size).toBe(visits.length);
  for (const state of ["HIT", "STALE"])
    for (const { served } of visitsThat(state).slice(-VISITS)) await expectJoinedLoad(served);
});

function durationMs({ startTimeUnixNano, endTimeUnixNano }: PostedSpan): number {
  return Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6;
}

/** The page load that the next post tells of. */
async function postedLoad(page: Page, go: () => Promise<unknown>) {
  const [load] = await Promise.all([postedSpan(page, "page load"), go()]);
  return load;
}

test("a header that a cache replays is refused and becomes a link", async ({ page, browser }) => {
  const proxy = await startReplayingProxy(origin, "/static");
  const context = await browser.newContext();
  try {
    const first = await postedLoad(page, () => page.goto(`${proxy.origin}/static`));
    const { traceId, spanId } = proxy.replayed();
    expect(first).toMatchObject({ traceId, parentSpanId: spanId });
    expect(first?.links).toBeUndefined();

    const second = await postedLoad(page, () => page.goto(`${proxy.origin}/static`));
    expect(second?.traceId).not.toBe(traceId);
    expect(second?.parentSpanId).toBeUndefined();
    expect(second?.links).toMatchObject([{ traceId, spanId }]);

    // Another visitor, who has never seen the span: here the age tells.
    proxy.ageBy(61_000);
    const other = await context.newPage();
    const third = await postedLoad(other, () => other.goto(`${proxy.origin}/static`));
    expect([traceId, second?.traceId]).not.toContain(third?.traceId);
    expect(third?.parentSpanId).toBeUndefined();
    expect(third?.links).toMatchObject([{ traceId, spanId }]);
  } finally {
    await context.close();
    proxy.stop();
  }
});

test("a document out of the browser's cache is no visit of its server, though its header is young and new to the tab", async ({
  page,
  context,
}) => {
  const proxy = await startReplayingProxy(origin, "/static", "max-age=60");
  try {
    const first = await postedLoad(page, () => page.goto(`${proxy.origin}/static`));
    const { traceId, spanId } = proxy.replayed();
    expect(first).toMatchObject({ traceId, parentSpanId: spanId });
    const tab = await context.newPage();
    const second = await postedLoad(tab, () => tab.goto(`${proxy.origin}/static`));
    expect(proxy.served(), "documents that came over the network").toBe(1);
    expect(second?.traceId).not.toBe(traceId);
    expect(second?.parentSpanId).toBeUndefined();
    expect(second?.links).toMatchObject([{ traceId, spanId }]);
  } finally {
    proxy.stop();
  }
});

/** The first lines of a trace without what was measured meanwhile, each one level below the one before. */
async function expectPath(traceId: string, path: readonly RegExp[]): Promise<void> {
  const found = async () => {
    const trace = await readTrace(traceId);
    const requests = trace ? lines(trace).filter((line) => !line.includes("web vital")) : [];
    return requests.slice(0, path.length);
  };
  await expect.poll(found).toEqual(path.map((line) => expect.stringMatching(line)));
}

function collectPrefetches(page: Page): readonly Request[] {
  const prefetches: Request[] = [];
  page.on("request", (request) => {
    if (request.headers()["next-router-prefetch"]) prefetches.push(request);
  });
  return prefetches;
}

function pathsOf(requests: readonly Request[]): ReadonlySet<string> {
  return new Set(requests.map((request) => new URL(request.url()).pathname));
}

/** Waits until the router has fetched each of the 30 ahead. */
async function showEveryLink(page: Page, prefetches: readonly Request[]): Promise<void> {
  await expect.poll(() => pathsOf(prefetches).size).toBe(10);
  await page.getByRole("link", { name: "Item 29" }).scrollIntoViewIfNeeded();
  await expect.poll(() => pathsOf(prefetches).size).toBe(30);
}

test("a page with 30 links exports no prefetch, and a click on one is a trace down to the server", async ({
  page,
}) => {
  test.fail(isClassic, LIMITS.ahead);
  const prefetches = collectPrefetches(page);
  const sent = collectSpans(page);
  const load = postedSpan(page, "page load");
  await page.goto(`${origin}/links`);
  await showEveryLink(page, prefetches);
  const loadEventEnd = await page.evaluate(
    () => performance.getEntriesByType("navigation").map((entry) => entry.toJSON().loadEventEnd)[0],
  );
  expect(Math.abs(durationMs(await load) - loadEventEnd)).toBeLessThan(1);
  const isRsc = (request: Request): boolean =>
    "rsc" in request.headers() && !("next-router-prefetch" in request.headers());
  const [request] = await Promise.all([
    page.waitForRequest(isRsc),
    page.getByRole("link", { name: "Item 7", exact: true }).click(),
  ]);
  await expect(page.getByRole("heading", { name: "item 7" })).toBeVisible();

  await expectPath(traceIdOf(request), [
    /^click a · internal · pages-web$/,
    /^ {2}navigate \/item\/\[id\] · internal · pages-web$/,
    /^ {4}GET \/item\/7 · client · pages-web$/,
    /^ {6}.*GET \/item\/\[id\] · server · pages$/,
  ]);
  const trace = await readTrace(traceIdOf(request));
  const navigation = trace?.spans.find(({ name }) => name === "navigate /item/[id]");
  expect(navigation?.attributes["throughline.navigation.prefetched"]).toBe(true);
  expect(sent.filter(({ name }) => name.startsWith("navigate"))).toHaveLength(1);
  for (const prefetch of prefetches) expect(await readTrace(traceIdOf(prefetch))).toBeUndefined();
});

test("a page that fetches 30 links ahead sends what one without links sends", async ({ page }) => {
  test.fail(isClassic, LIMITS.ahead);
  const namesSentBy = async (path: string, look: () => Promise<void>): Promise<readonly string[]> => {
    const began = Date.now();
    // What a page sends as it goes is seen by nobody but the collector.
    const names = async () => {
      const spans = await collectedSpans("pages-web", began);
      return [...new Set(spans.filter(({ kind }) => kind !== "server").map(({ name }) => name))].sort();
    };
    await page.goto(origin + path);
    await look();
    await page.goto("about:blank");
    await expect.poll(names).toContain("web vital CLS");
    return names();
  };
  const withoutLinks = await namesSentBy("/static", () => page.waitForLoadState("networkidle"));
  expect(withoutLinks).toContain("page load");
  const prefetches = collectPrefetches(page);
  expect(await namesSentBy("/links", () => showEveryLink(page, prefetches))).toEqual(withoutLinks);
});

test("a click on a link of the Pages Router is a trace down to the server that answers for data", async ({
  page,
}) => {
  test.fail(isClassic, LIMITS.click);
  await page.goto(`${origin}/classic`);
  const [request] = await Promise.all([
    page.waitForRequest(/_next\/data/),
    page.getByRole("link", { name: "Other" }).click(),
  ]);
  await expect(page.getByRole("heading", { name: /^other/ })).toBeVisible();
  await expectPath(traceIdOf(request), [
    /^click a · internal · pages-web$/,
    /^ {2}navigate \/other · internal · pages-web$/,
    /^ {4}GET \S*\/other\.json · client · pages-web$/,
    /^ {6}.*GET .* · server · pages$/,
  ]);
});

test("a page and the navigations from it carry the route that the router knows, there and back", async ({
  page,
}) => {
  const sent = collectSpans(page);
  await page.goto(`${origin}/item/5`);
  await expect.poll(() => routesOf(sent, "page load")).toEqual([["page load", "/item/[id]", undefined]]);
  await page.goto(`${origin}/classic`);
  await page.getByRole("link", { name: "Ticket" }).click();
  await expect(page.getByRole("heading", { name: "ticket 7" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("heading", { name: /^classic/ })).toBeVisible();
  await expect
    .poll(() => routesOf(sent, "navigate"))
    .toEqual([
      ["navigate /ticket/[id]", "/ticket/[id]", "push"],
      ["navigate /classic", "/classic", "traverse"],
    ]);
});

test("groups, catch-all segments, redirects and intercepting routes of the App Router", async ({ page }) => {
  const sent = collectSpans(page);
  const follow = async (link: string, heading: string): Promise<void> => {
    await page.getByRole("link", { name: link }).click();
    await expect(page.getByRole("heading", { name: heading })).toBeVisible();
    await page.goBack();
    await expect(page.getByRole("heading", { name: "gallery", exact: true })).toBeVisible();
    await expect(page.getByRole("heading", { name: heading })).toBeHidden();
  };
  await page.goto(`${origin}/gallery`);
  await follow("Docs", "docs tea green");
  await follow("Old", "item 3");
  await follow("Photo", "photo 7 over the gallery");
  const back = ["navigate /gallery", "/gallery", "traverse"];
  await expect
    .poll(() => routesOf(sent, "navigate"))
    .toEqual([
      ["navigate /docs/[...slug]", "/docs/[...slug]", "push"],
      back,
      // Next.js sends a page that redirects, and has the router go on from there.
      ["navigate /old/[id]", "/old/[id]", "push"],
      ["navigate /item/[id]", "/item/[id]", "replace"],
      back,
      // The tree does not say which of its two pages the URL means.
      ["navigate /gallery/photo/*", "/gallery/photo/*", "push"],
      back,
    ]);
  await page.goto(`${origin}/gallery/photo/7`);
  await expect
    .poll(() => routesOf(sent, "page load").map(([, route]) => route))
    .toEqual(["/gallery", "/gallery/photo/[id]"]);
});

for (const { how, act, says, path } of [
  {
    how: "Enter in a form without a button",
    act: async (page: Page) => {
      await page.getByLabel("Words").fill("Jane Doe");
      await page.getByLabel("Words").press("Enter");
    },
    says: "found nothing",
    path: ["submit Search", "POST /api/search"],
  },
  {
    how: "Enter in a form with a button and a server action",
    act: async (page: Page) => {
      await page.getByLabel("Title").fill("tea");
      await page.getByLabel("Title").press("Enter");
    },
    says: "added tea",
    path: ["submit Add", "POST /form"],
  },
  {
    how: "the space bar on a button",
    act: (page: Page) => page.getByRole("button", { name: "Refresh" }).press("Space"),
    says: "found nothing",
    path: ["key Refresh", "POST /api/search"],
  },
  {
    how: "a click on the button of a form",
    act: async (page: Page) => {
      await page.getByLabel("Title").fill("tea");
      await page.getByRole("button", { name: "Add" }).click();
    },
    says: "added tea",
    path: ["click Add", "POST /form"],
  },
]) {
  test(`${how} is one interaction and one trace down to the server, with exact parents`, async ({ page }) => {
    const sent = collectSpans(page);
    await page.goto(`${origin}/form`);
    const isPost = (request: Request): boolean =>
      request.method() === "POST" && !request.url().endsWith("/v1/traces");
    const [request] = await Promise.all([page.waitForRequest(isPost), act(page)]);
    await expect(page.getByText(says)).toBeVisible();
    const [interaction = "", client = ""] = path;
    const document = await awaitTrace(traceIdOf(request), [
      `${interaction} · internal · pages-web`,
      `${client} · client · pages-web`,
      `${client} · server · pages`,
    ]);
    const [began, posted, served] = [
      spanOf(document, interaction, "internal"),
      spanOf(document, client, "client"),
      spanOf(document, client, "server"),
    ];
    expect(began.parentSpanId).toBeUndefined();
    expect(posted.parentSpanId).toBe(began.spanId);
    expect(posted.attributes).not.toHaveProperty("throughline.parent");
    expect(served.parentSpanId).toBe(posted.spanId);
    // The collector may have a post before this process has heard of it.
    const interactions = () =>
      sent.map(({ name }) => name).filter((name) => /^(click|submit|key)\b/.test(name));
    await expect.poll(interactions).toEqual([interaction]);
    expect(JSON.stringify(sent)).not.toContain("Jane");
  });
}

function testAppWithCacheComponents(): void {
  testQueuedActions(() => cacheOrigin);

  testVisits(
    () => cacheOrigin,
    [
      ["a partially prerendered page", "/partial"],
      ["a static page of an app with Cache Components", "/static"],
      ["a `use cache` page of an app with Cache Components", "/cached"],
    ],
  );

  test("what a partially prerendered page renders for a visit is in the visit's trace", async ({ page }) => {
    const { traceId, spanId } = servedBy(await page.goto(`${cacheOrigin}/partial`));
    // The app's own span leaves as it ends; the SERVER span when the response is over.
    const document = await awaitTrace(traceId, [
      "GET /partial · server · cache",
      "read stock · internal · cache",
    ]);
    const ancestors = ancestorsOf(spanOf(document, "read stock", "internal"), document.spans);
    expect(ancestors.at(-1)?.spanId).toBe(spanId);
  });

  for (const [how, path] of [
    ["a route handler", "/jump"],
    ["`redirects` of the configuration", "/moved"],
  ] as const) {
    test(`a page under a basePath, after a 302 of ${how}: the load is below the span that served it, and what hydration fetches below the load`, async ({
      page,
    }) => {
      const response = await page.goto(cacheOrigin + path);
      await expect(page.getByRole("heading", { name: "landing 12" })).toBeVisible();
      expect(new URL(page.url()).pathname).toBe("/base/landing");
      const served = servedBy(response);
      await expectJoinedLoad(served);
      const document = await awaitTrace(served.traceId, ["GET /base/api/stock · client · cache-web"]);
      const fetched = spanOf(document, "GET /base/api/stock", "client");
      const above = ancestorsOf(fetched, document.spans).map(({ spanId }) => spanId);
      expect(above).toEqual([spanOf(document, "page load", "internal").spanId, served.spanId]);
      await expect
        .poll(async () =>
          (await readTrace(served.traceId))?.spans.filter((span) => span.parentSpanId === fetched.spanId),
        )
        .toMatchObject([{ kind: "server" }]);
    });
  }

  test("a navigation calls the app's own onRouterTransitionStart and the one that withTracing brings in", async ({
    page,
  }) => {
    const sent = collectSpans(page);
    await page.goto(`${cacheOrigin}/landing`);
    await page.getByRole("link", { name: "Static" }).click();
    await expect(page.getByRole("heading", { name: "static" })).toBeVisible();
    expect(await page.evaluate("transitions")).toEqual([["/static", "push"]]);
    // In a page of Next.js nothing else begins a navigation.
    await expect.poll(() => routesOf(sent, "navigate")).toEqual([["navigate /static", "/static", "push"]]);
  });

  test("under a basePath a navigation has the path of its page, and says that it was fetched ahead", async ({
    page,
  }) => {
    const sent = collectSpans(page);
    // Next.js fetches the link ahead.
    await Promise.all([page.waitForResponse(/\/base\/static\?_rsc/), page.goto(`${cacheOrigin}/landing`)]);
    await page.waitForLoadState("networkidle");
    await page.getByRole("link", { name: "Static" }).click();
    const navigation = () => sent.find(({ name }) => name === "navigate /static");
    await expect
      .poll(() => navigation()?.attributes)
      .toEqual(
        expect.arrayContaining([
          { key: "url.path", value: { stringValue: "/base/static" } },
          { key: "throughline.navigation.prefetched", value: { boolValue: true } },
        ]),
      );
  });
}

interface SentSpan {
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

/** What the page exports, as it leaves the page. */
function collectSpans(page: Page): readonly SentSpan[] {
  const spans: SentSpan[] = [];
  page.on("request", (request) => {
    if (!request.url().endsWith("/v1/traces")) return;
    const { resourceSpans } = request.postDataJSON() as {
      resourceSpans: { scopeSpans: { spans: SentSpan[] }[] }[];
    };
    spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
  });
  return spans;
}

/** Name, route and type of the spans whose names begin like this. */
function routesOf(spans: readonly SentSpan[], name: string) {
  const textOf = ({ attributes }: SentSpan, key: string) =>
    attributes.find((attribute) => attribute.key === key)?.value.stringValue;
  return spans
    .filter((span) => span.name.startsWith(name))
    .map((span) => [
      span.name,
      textOf(span, "throughline.page.route"),
      name === "navigate" ? textOf(span, "throughline.navigation.type") : undefined,
    ]);
}

for (const testMore of [
  testBounds,
  testRestores,
  testPrerender,
  testVitals,
  testSoftNavigation,
  testErrors,
  testRounds,
  testSecrets,
])
  testMore(() => origin);

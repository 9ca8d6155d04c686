import { expect, type Page, test } from "@playwright/test";
import { createProcesses } from "../../../scripts/processes.mjs";
import { seeded } from "../../../scripts/seeded.mjs";
import { startNextApp } from "./next-app.ts";
import { expectRouteNames, pathOf, randomWord } from "./random-path.ts";
import { flood } from "./server-matrix/flood.ts";
import { type OtlpRecorder, SERVER_KIND, startOtlpRecorder } from "./server-matrix/otlp-recorder.ts";
import { flushAt } from "./trace-reading.ts";

const REQUESTS = 2_500;
const TURNS = 100;
const LOADS = 10;
/** As in the app's next.config, and one that it does not have. */
const LOCALES = ["", "", "/en", "/de", "/fr-CA", "/xx"];
const PAGES = [
  "/",
  "/about",
  "/broken/[id]",
  "/docs/[...slug]",
  "/gone/[id]",
  "/items/[id]",
  "/moved/[id]",
  "/news/[id]",
  "/shop/[[...filter]]",
];
const APIS = ["/api/deep/[...rest]", "/api/items/[id]"];
const APP = ["broken/[id]", "docs/[...slug]", "gone/[id]", "items/[id]", "shop/[[...filter]]"].map(
  (route) => `/catalog/[lang]/${route}`,
);
const ROUTES = [...PAGES, ...APIS, ...APP, "/404", "/500", "/_error", "/_not-found"];

test.describe.configure({ mode: "default" });
const processes = createProcesses();
const queue = { THROUGHLINE_QUEUE_MAX_BYTES: String(256 * 1024 * 1024) };
let recorder: OtlpRecorder;
let origin = "";

test.beforeAll(async () => {
  test.setTimeout(240_000);
  recorder = await startOtlpRecorder();
  const env = { ...recorder.env, ...queue, OTEL_METRICS_ENABLED: "true" };
  origin = await startNextApp({ processes, folder: "routes-app", serviceName: "routes", env });
});
test.afterAll(async () => {
  await processes.stopAll();
  await recorder.stop();
});

/** A page with its locale, the App Router's without, and now and then an address beside all of them. */
function randomPath(routes: readonly string[], random: () => number): string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const route = random() < 0.1 ? "/[...beside]" : pick(routes);
  const path = pathOf(route, random);
  const locale = PAGES.includes(route) || route === "/[...beside]" ? pick(LOCALES) : "";
  // With a slash at its end it would be sent away before any route is asked.
  return locale !== "" && path === "/" ? locale : locale + path;
}

test(`${REQUESTS} random addresses with and without a locale leave SERVER spans named by route alone, and are counted by method, route and status`, async () => {
  test.setTimeout(120_000);
  const random = seeded(8_160_211);
  const before = recorder.spans.length;
  const answers: [of: string, count: number][] = [];
  const sent = Array.from({ length: REQUESTS }, () => ({
    url: `${origin}${randomPath([...PAGES, ...APIS, ...APP], random)}?q=${randomWord(random)}`,
    method: random() < 0.8 ? "GET" : "HEAD",
  }));
  await flood(sent, ({ statusCode }, { method }) => answers.push([`${method} ${statusCode}`, 1]));
  const servers = () => recorder.spans.slice(before).filter(({ kind }) => kind === SERVER_KIND);
  await expect.poll(() => servers().length, { timeout: 30_000 }).toBe(REQUESTS);
  const statuses = answers.map(([of]) => of);
  expect.soft(statuses).toEqual(expect.arrayContaining(["GET 200", "GET 307", "GET 404", "GET 500"]));
  const names = new Set(servers().map(({ name }) => name));
  expectRouteNames(names, ROUTES);
  // Each route was met, so that the number says something.
  expect([...names]).toEqual(
    expect.arrayContaining([...PAGES, ...APIS, ...APP].map((route) => `GET ${route}`)),
  );
  await flushAt(`${origin}/api/tl/flush`);
  const countedBy = (shorten: (series: string) => string) =>
    sum(Object.entries(recorder.requests()).map(([series, count]) => [shorten(series), count]));
  await expect
    .poll(() => countedBy((series) => series.replace(/ \d+$/, "")))
    .toEqual(sum(servers().map(({ name }) => [name, 1])));
  expect(countedBy((series) => series.replace(/ \/\S*/, ""))).toEqual(sum(answers));
});

function sum(counts: readonly (readonly [of: string, count: number])[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const [of, count] of counts) sums[of] = (sums[of] ?? 0) + count;
  return sums;
}

/** Of what a page does besides going on. */
const PAGE_SPANS =
  /^(GET|HEAD|document|page load|resource (script|link|css|img)|uncaught error|web vital [A-Z]+)$/;

for (const [router, starts, routes] of [
  ["Pages Router", ["/about", "/de/about", "/fr-CA/about"], PAGES],
  ["App Router", ["/catalog/de/items/1"], APP],
] as const) {
  test(`what a browser sends of random addresses of the ${router} is named by route alone`, async ({
    page,
  }) => {
    test.setTimeout(120_000);
    const before = recorder.spans.length;
    const spans = () => recorder.spans.slice(before).filter(({ service }) => service === "routes-web");
    const random = seeded(3_901_677);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    for (let turn = 0; turn < TURNS; turn++) {
      if (turn % (TURNS / LOADS) === 0) await page.goto(origin + pick(starts));
      // The Pages Router stays in the locale that it is in.
      await goWithin(page, pathOf(turn % 7 === 0 ? "/[...beside]" : pick(routes), random), `?q=${turn}`);
    }
    await page.goto("about:blank");
    // The last page's spans come after it has gone.
    const ofKind = (kind: string) => spans().filter(({ name }) => name.startsWith(kind));
    await expect.poll(() => ofKind("navigate").length).toBeGreaterThanOrEqual(TURNS);
    await expect.poll(() => ofKind("page load").length).toBeGreaterThanOrEqual(LOADS);
    const names = [...new Set(spans().map(({ name }) => name))];
    const known = ["navigate", ...routes.map((route) => `navigate ${route}`)];
    expect(names.filter((name) => !PAGE_SPANS.test(name) && !known.includes(name))).toEqual([]);
    // One that came about is named, and one that did not is there too.
    const arrives = routes.filter((route) => !/broken|gone|moved/.test(route));
    expect(names).toEqual(
      expect.arrayContaining(["navigate", ...arrives.map((route) => `navigate ${route}`)]),
    );
  });
}

/** Goes on by Next.js's router, as a link would, until the page has gone there or was sent on. */
async function goWithin(page: Page, path: string, query: string): Promise<void> {
  await page.waitForFunction(() => (globalThis as { next?: { router?: unknown } }).next?.router);
  await page.evaluate((to) => {
    const { next } = globalThis as unknown as { next: { router: { push(url: string): unknown } } };
    // Behind a click, as most: with the first one the tracing joins a Pages Router that came after the page's load.
    document.body.click();
    void next.router.push(to);
  }, path + query);
  await page.waitForFunction((wanted) => {
    const { next } = globalThis as unknown as { next?: { router?: { readonly asPath?: string } } };
    // The Pages Router writes the URL first and renders then.
    const shown = next?.router?.asPath ?? location.search;
    return location.search === wanted && shown.endsWith(wanted) && document.readyState === "complete";
  }, query);
}

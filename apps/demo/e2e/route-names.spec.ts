import { expect, type Page, test } from "@playwright/test";
import { createProcesses } from "../../../scripts/processes.mjs";
import { seeded } from "../../../scripts/seeded.mjs";
import { collectSpans } from "./browser-spans.ts";
import { serveNextApp, startNextApp } from "./next-app.ts";
import { pathOf, randomWord } from "./random-path.ts";
import { flood, type Sent } from "./server-matrix/flood.ts";
import { SERVER_KIND, startOtlpRecorder } from "./server-matrix/otlp-recorder.ts";

const REQUESTS = 5_000;
const METHODS = ["GET", "HEAD"];
/** `GET`, `HEAD`, … where no route is known. */
const SPARE = 5;
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
const app = { processes, folder: "routes-app", serviceName: "routes" };
let origin = "";

test.beforeAll(async () => {
  test.setTimeout(240_000);
  origin = await startNextApp(app);
});
test.afterAll(() => processes.stopAll());

/** A page with its locale, the App Router's without, and now and then an address beside all of them. */
function randomUrl(routes: readonly string[], random: () => number): string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const route = random() < 0.1 ? "/[...beside]" : pick(routes);
  const locale = PAGES.includes(route) || route === "/[...beside]" ? pick(LOCALES) : "";
  return `${locale}${pathOf(route, random)}?q=${randomWord(random)}`;
}

test(`${REQUESTS} random addresses with and without a locale leave SERVER spans named by route alone`, async () => {
  test.setTimeout(240_000);
  const recorder = await startOtlpRecorder();
  const random = seeded(8_160_211);
  const sent = Array.from(
    { length: REQUESTS },
    (): Sent => ({
      url: randomUrl([...PAGES, ...APIS, ...APP], random),
      method: random() < 0.8 ? "GET" : "HEAD",
    }),
  );
  const statuses = new Set<number | undefined>();
  try {
    const queue = { THROUGHLINE_QUEUE_MAX_BYTES: String(256 * 1024 * 1024) };
    const own = await serveNextApp(app, { ...recorder.env, ...queue });
    await flood(
      sent.map((each) => ({ ...each, url: own + each.url })),
      ({ statusCode }) => statuses.add(statusCode),
    );
    const servers = () => recorder.spans.filter(({ kind }) => kind === SERVER_KIND);
    await expect.poll(() => servers().length, { timeout: 60_000 }).toBe(REQUESTS);
    expect.soft([...statuses]).toEqual(expect.arrayContaining([200, 307, 404, 500]));
    const names = new Set(servers().map(({ name }) => name));
    expect(unknownNames(names)).toEqual([]);
    expect(names.size).toBeLessThanOrEqual(ROUTES.length * METHODS.length + SPARE);
    // Each route was met, so that the number says something.
    for (const route of [...PAGES, ...APIS, ...APP]) expect.soft(names).toContain(`GET ${route}`);
  } finally {
    await recorder.stop();
  }
});

/** Names that are neither a method nor a method and a route. */
function unknownNames(names: Iterable<string>): readonly string[] {
  return [...names].filter((name) => {
    const [method = "", route] = name.split(" ", 2);
    return !METHODS.includes(method) || (route !== undefined && !ROUTES.includes(route));
  });
}

for (const [router, start, routes] of [
  ["Pages Router", "/de/about", PAGES],
  ["App Router", "/catalog/de/items/1", APP],
] as const) {
  test(`what a browser sends of random addresses of the ${router} is named by route alone`, async ({
    page,
  }) => {
    test.setTimeout(240_000);
    const spans = collectSpans(page);
    const random = seeded(3_901_677);
    await page.goto(origin + start);
    for (let turn = 0; turn < 100; turn++) {
      const url = randomUrl(routes, random);
      // Of a page that fails nothing is left to go on from.
      if (turn % 4 === 0) await page.goto(origin + start);
      await goWithin(page, url);
    }
    await page.goto("about:blank");
    const names = new Set(spans.map(({ name }) => name));
    console.log([...names].sort().join("\n"));
    expect(names.size).toBeLessThanOrEqual(ROUTES.length * METHODS.length + SPARE);
  });
}

async function goWithin(page: Page, url: string): Promise<void> {
  await page.waitForFunction(
    () => "next" in globalThis && Boolean((globalThis as { next?: { router?: unknown } }).next?.router),
  );
  await page.evaluate((to) => {
    void (globalThis as unknown as { next: { router: { push(url: string): unknown } } }).next.router.push(to);
  }, url);
  await page.waitForURL(
    (now) => now.search === new URL(url, "http://any").search || /^\/(de|fr-CA)?\/?items/.test(now.pathname),
  );
}

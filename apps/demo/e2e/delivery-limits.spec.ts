import { type BrowserContext, test as base, expect, type Page } from "@playwright/test";
import { chromiumLaunchOptions } from "../../../scripts/chromium.mjs";
import { readFilterLists } from "./filter-lists.ts";
import { isClassic, LIMITS, untilFailed } from "./fixtures/preset.mjs";
import { type RequestSite, startRequestSite } from "./fixtures/request-site.ts";

const APP = `
import { diag } from "@opentelemetry/api";
import { startWebTracing, withSpan } from "@throughline/web";
window.said = [];
const say = (line) => void said.push(line);
diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say });
window.tracing = startWebTracing();
window.makeSpans = (count) => {
  for (let index = 0; index < count; index++)
    withSpan("span " + index, { attributes: { text: "x".repeat(300) } }, () => undefined);
};
addEventListener("pageshow", (event) => { window.restored = event.persisted; });
document.documentElement.dataset.ready = "true";
`;

const test = base.extend<{ site: RequestSite }>({
  // biome-ignore lint/correctness/noEmptyPattern: the form Playwright asks for
  site: async ({}, use) => {
    const site = await startRequestSite(APP);
    await use(site);
    site.stop();
  },
});

test.use({
  ignoreHTTPSErrors: true,
  // Playwright switches the back/forward cache off, and no page comes back whole.
  launchOptions: { ...chromiumLaunchOptions(), ignoreDefaultArgs: ["--disable-back-forward-cache"] },
});

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.locator("html[data-ready]").waitFor({ state: "attached" });
}

const INGEST = "/api/tl/v1/traces";

/** Paths on an app's own origin that the lists block. */
const BLOCKED_PATHS = ["/rum/events", "/beacon/error?", "/otlp/traces", "/tracker/event?", "/v1/pixel?"];

test("behind EasyList and EasyPrivacy the tracing is loaded and its spans arrive", async ({ page, site }) => {
  const lists = readFilterLists();
  test.skip(!lists, "FILTER_LISTS names no folder with EasyList and EasyPrivacy; see .ci/run");
  const blocked: string[] = [];
  await page.route("**", (route) => {
    const request = route.request();
    const details = { url: request.url(), type: request.resourceType(), pageOrigin: site.url };
    if (!lists?.ruleAgainst(details)) return route.continue();
    blocked.push(request.url().slice(site.url.length));
    return route.abort("blockedbyclient");
  });
  await open(page, site.url);
  const answers = await page.evaluate(
    (paths) => Promise.allSettled(paths.map((path) => fetch(path, { method: "POST" }))),
    BLOCKED_PATHS,
  );
  expect(answers.map(({ status }) => status)).toEqual(BLOCKED_PATHS.map(() => "rejected"));
  await page.evaluate("makeSpans(1); tracing.flush()");
  await expect.poll(() => site.spans().map(({ name }) => name)).toContain("span 0");
  expect(blocked).toEqual(BLOCKED_PATHS);
});

test("behind the same lists nothing that a page of Next.js loads or sends is blocked", async ({
  page,
  baseURL,
}) => {
  const lists = readFilterLists();
  test.skip(!lists, "FILTER_LISTS names no folder with EasyList and EasyPrivacy; see .ci/run");
  const asked: { readonly url: string; readonly type: string; readonly pageOrigin: string }[] = [];
  page.on("request", (request) =>
    asked.push({ url: request.url(), type: request.resourceType(), pageOrigin: baseURL ?? "" }),
  );
  await page.goto("/");
  await page.getByRole("button", { name: "Buy Cedar" }).click();
  const posts = () => asked.filter(({ url }) => new URL(url).pathname === INGEST);
  await expect.poll(() => posts().length).toBeGreaterThan(0);
  await page.goto("about:blank");
  expect(asked.filter(({ type }) => type === "script").length).toBeGreaterThan(2);
  expect(asked.filter((each) => lists?.ruleAgainst(each)).map(({ url }) => url)).toEqual([]);
});

test("where an ad blocker blocks the endpoint, the page works, three posts are tried and one line is said", async ({
  page,
  site,
}) => {
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  await client.send("Network.setBlockedURLs", { urls: [`*${INGEST}*`] });
  const failures: string[] = [];
  page.on("requestfailed", (request) => {
    if (request.url().endsWith(INGEST)) failures.push(request.failure()?.errorText ?? "");
  });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await open(page, site.url);
  const answer = await page.evaluate(`(async () => {
    makeSpans(500);
    dispatchEvent(new PageTransitionEvent("pagehide"));
    await tracing.flush();
    for (let round = 0; round < 5; round++) {
      makeSpans(100);
      dispatchEvent(new PageTransitionEvent("pagehide"));
      await tracing.flush();
    }
    return (await fetch("/echo/app")).text();
  })()`);
  expect(answer).toBe("{}");
  expect(failures).toHaveLength(3);
  expect(errors).toEqual([]);
  expect(site.spans()).toEqual([]);
  expect(await page.evaluate("said")).toEqual([
    expect.stringMatching(/not delivered to .*api\/tl.*check its collector/),
  ]);
});

test("where the page's own keepalive requests use up the budget, spans arrive all the same", async ({
  page,
  site,
}) => {
  await open(page, site.url);
  await page.evaluate(`(async () => {
    void fetch("/hang", { method: "POST", keepalive: true, body: "x".repeat(60 * 1024) }).catch(() => undefined);
    makeSpans(40);
    dispatchEvent(new PageTransitionEvent("pagehide"));
  })()`);
  await expect.poll(() => site.spans().filter(({ name }) => name.startsWith("span ")).length).toBe(40);
});

test("a page that comes back goes on tracing, and each span is posted once", async ({ context, site }) => {
  test.fail(isClassic, LIMITS.late);
  const { page, earlier } = await comeBack(context, site);
  const spans = () => site.spans().slice(earlier);
  await page.evaluate("fetch('/echo/after').then((answer) => answer.text()).then(() => tracing.flush())");
  const urls = (): unknown[] => spans().map(({ attributes }) => attributes["url.full"]);
  await expect
    .poll(urls)
    .toEqual(expect.arrayContaining([`${site.url}/echo/before`, `${site.url}/echo/after`]));
  const ids = spans().map(({ spanId }) => spanId);
  expect(ids).toHaveLength(22);
  expect(new Set(ids).size).toBe(22);
});

/** A page that was left and restored. The browser drops some pages for reasons it does not tell ("masked"). */
async function comeBack(context: BrowserContext, site: RequestSite) {
  for (let tries = 1; ; tries++) {
    const earlier = site.spans().length;
    const page = await context.newPage();
    await open(page, site.url);
    await page.evaluate("makeSpans(20); fetch('/echo/before').then((answer) => answer.text())");
    await page.goto(`${site.url}/next`);
    // A page whose posts are still on their way is dropped too.
    await expect.poll(() => site.spans().length - earlier, untilFailed).toBe(21);
    await page.goBack({ waitUntil: "commit" });
    const restored = await page.waitForFunction("'restored' in window && String(restored)");
    if ((await restored.jsonValue()) === "true") return { page, earlier };
    expect(tries, "pages that were not restored").toBeLessThan(10);
    await page.close();
  }
}

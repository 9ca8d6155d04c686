import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunningCollector, startCollector } from "@throughline/collector";
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from "vitest";
import { type Result, runPlaywright } from "../test-data/run-playwright.ts";
import { startTracedShop, type TracedShop } from "../test-data/traced-shop.ts";

// The real test runner, a real browser, a real collector; only the shop is small. One run for all, because most of
// what a run costs is its start.
const FLUSH_TOKEN = "secret";
const INDEX = fileURLToPath(new URL("./index.ts", import.meta.url));

interface Place {
  readonly collector: RunningCollector;
  readonly shop: TracedShop;
}

let folder: string;
let usual: Place;
/** Whose collector a test ends. */
let mortal: Place;
let running: Promise<ReadonlyMap<string, Result>> | undefined;
let results: ReadonlyMap<string, Result>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "throughline-playwright-"));
  usual = await startPlace();
});

afterAll(async () => {
  await stopPlace(usual);
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  // A second try is of a second run, also where the first one broke.
  onTestFailed(() => {
    running = undefined;
  });
  running ??= run();
  results = await running;
}, 120_000);

async function startPlace(): Promise<Place> {
  const collector = await startCollector({ port: 0, host: "127.0.0.1" });
  const shop = await startTracedShop({
    collectorUrl: collector.url,
    flushToken: FLUSH_TOKEN,
    stopCollector: () => collector.stop(),
  });
  return { collector, shop };
}

async function stopPlace({ shop, collector }: Place): Promise<void> {
  await shop.stop();
  await collector.stop();
}

async function run(): Promise<ReadonlyMap<string, Result>> {
  mortal = await startPlace();
  try {
    return await runPlaywright(folder, specs(), {
      ...process.env,
      THROUGHLINE_COLLECTOR_URL: usual.collector.url,
      THROUGHLINE_FLUSH_TOKEN: FLUSH_TOKEN,
    });
  } finally {
    await stopPlace(mortal);
  }
}

const using = (
  text: string,
  { shop }: Place,
): string => `import { test, expect, span } from ${JSON.stringify(INDEX)};
const shop = ${JSON.stringify(shop.url)};
const path = [span.click("Buy"), span.client("POST", "/api/orders"), span.server("POST", "/api/orders")];
const buy = async (page, otel, mode, sku = "x") => {
  await page.goto(shop + "/?mode=" + mode + "&sku=" + sku);
  return otel.during(() => page.getByRole("button", { name: "Buy" }).click());
};
${text}`;

// A failure that is expected takes no worker, and with it no browser, down; it attaches nothing either.
const TRACE = `
for (let index = 0; index < 12; index++) {
  test("order " + index, async ({ page, otel }) => {
    const sku = "sku-" + index;
    const trace = await buy(page, otel, "ok", sku);
    const own = { attributes: { "shop.sku": sku } };
    await expect(trace).toHavePath([span.click("Buy"), span.client("POST", own), span.server("POST", own)]);
    const spans = (await otel.traces()).flatMap((tree) => tree.nodes.map((node) => node.span.attributes["shop.sku"]));
    expect(new Set(spans.filter(Boolean))).toEqual(new Set([sku]));
  });
}
test("connected", async ({ page, otel }) => {
  const trace = await buy(page, otel, "ok");
  await expect(trace).toHavePath(path);
  await expect(trace).toBeConnected();
  await expect(trace).not.toHavePath([span.db("INSERT")], { timeout: 2_000 });
  expect(otel.requests().map((request) => new URL(request.url).pathname)).toContain("/api/orders");
  expect((await otel.traces()).length).toBe(1);
});
test("late service", async ({ page, otel }) => {
  const trace = await buy(page, otel, "inventory");
  await expect(trace).toHavePath([...path, span.client("GET", "/stock"), span.server("GET", "/stock", { service: "inventory" })]);
});
test("a context of its own", async ({ page, browser, otel }) => {
  const other = await browser.newContext();
  await otel.watch(other);
  await page.goto(shop);
  await expect(await buy(await other.newPage(), otel, "ok")).toHavePath(path);
  await other.close();
});
test("two clicks, each its own scope", async ({ page, otel }) => {
  const first = await buy(page, otel, "ok");
  await expect(page.locator("output")).toHaveText("done");
  const second = await otel.during(() => page.getByRole("button", { name: "Buy" }).click());
  await expect(second).toBeConnected();
  const ids = async (trace) => (await trace.traces()).map((tree) => tree.traceId);
  expect(await ids(first)).toHaveLength(1);
  expect(await ids(second)).toHaveLength(1);
  expect(await ids(first)).not.toEqual(await ids(second));
});
test.fail("ignored header", async ({ page, otel }) => {
  await expect(await buy(page, otel, "ignored")).toBeConnected();
});
test.fail("negated but there", async ({ page, otel }) => {
  await expect(await buy(page, otel, "ok")).not.toHavePath(path);
});
test.fail("negated without any trace", async ({ page, otel }) => {
  await page.goto(shop);
  const trace = await otel.during(() => page.title());
  await expect(trace).not.toHavePath(path, { timeout: 300 });
});
test.fail("a context that nobody watches", async ({ browser, otel }) => {
  const other = await browser.newContext();
  const trace = await buy(await other.newPage(), otel, "ok");
  await expect(trace).toHavePath(path, { timeout: 300 });
});
test.describe("without a token", () => {
  const token = process.env.THROUGHLINE_FLUSH_TOKEN;
  test.beforeAll(() => { process.env.THROUGHLINE_FLUSH_TOKEN = ""; });
  test.afterAll(() => { process.env.THROUGHLINE_FLUSH_TOKEN = token; });
  test.fail("no token", async ({ page, otel }) => {
    await expect(await buy(page, otel, "ok")).toHavePath(path, { timeout: 800 });
  });
});
test("no header", async ({ page, otel }) => {
  await expect(await buy(page, otel, "no-header")).toHavePath(path);
});
test("soft twice", async ({ page, otel }) => {
  const trace = await buy(page, otel, "ok");
  await expect(trace).toHavePath([span.click("tried again")], { timeout: 300 }).catch(() => undefined);
  await expect.soft(trace).toHavePath([span.click("first")], { timeout: 300 });
  await expect.soft(trace).toHavePath([span.click("second")], { timeout: 300 });
});`;

// An option of a worker is one of a whole file.
const NO_COLLECTOR = `
test.use({ collectorUrl: "http://127.0.0.1:9" });
test("no collector", async ({ otel }) => {});`;

const collectorDies = (url: string): string => `
test.use({ collectorUrl: ${JSON.stringify(url)} });
test("negated", async ({ page, otel }) => {
  const trace = await buy(page, otel, "ok");
  await expect(trace).toBeConnected();
  await fetch(shop + "/stop-collector");
  await expect(trace).not.toHavePath([span.db("INSERT")]);
});`;

const specs = (): Readonly<Record<string, string>> => ({
  "1-trace.spec.mjs": using(TRACE, usual),
  "2-no-collector.spec.mjs": using(NO_COLLECTOR, usual),
  "3-collector-dies.spec.mjs": using(collectorDies(mortal.collector.url), mortal),
});

test("the fixture tells connected, broken and absent apart in a real browser", async () => {
  const told = [...results].map(([title, { message }]) => `${title}: ${message}`).join("\n");
  const status = Object.fromEntries([...results].map(([title, result]) => [title, result.status]));
  expect(status, told).toMatchObject({
    connected: "passed",
    "no header": "failed",
    "ignored header": "failed",
    "late service": "passed",
    "negated but there": "failed",
    "negated without any trace": "failed",
    "soft twice": "failed",
    "a context of its own": "passed",
    "a context that nobody watches": "failed",
    "two clicks, each its own scope": "passed",
  });
  expect(results.get("a context that nobody watches")?.message).toMatch(
    /Note +http:\/\/127.* is open in a browser context that "otel" does not watch.*call otel\.watch\(context\)/,
  );
  expect(results.get("no header")?.message).toContain("Broken between 2 and 3: browser → server.  TL-P02");
  expect(results.get("no header")?.message).toContain("known from Server-Timing");
  expect(results.get("no header")?.message).toContain("proven, not timed out");
  expect(results.get("ignored header")?.message).toContain("Broken: browser → server.  TL-P03");
  expect(results.get("ignored header")?.message).toContain("proven, not timed out");
  expect(results.get("negated but there")?.message).toContain("The path is there");
  expect(results.get("negated without any trace")?.message).toContain("not proven");
  const attached = async (title: string, name: string): Promise<string> => {
    const attachments = results.get(title)?.attachments.filter((attachment) => attachment.name === name);
    return readFile(attachments?.[0]?.path ?? "", "utf8");
  };
  expect(await attached("no header", "trace.txt")).toContain("TL-P02");
  expect(JSON.parse(await attached("no header", "traces.json"))).toHaveLength(2);
  // Read as Latin-1 the bars are garbage: the report names no charset.
  expect((await attached("no header", "trace.txt")).startsWith("\uFEFF")).toBe(true);
  const soft = await attached("soft twice", "trace.txt");
  expect(["first", "second", "tried again"].map((label) => soft.includes(`click "${label}"`))).toEqual([
    true,
    true,
    false,
  ]);
  expect(JSON.parse(await attached("soft twice", "traces.json"))).toHaveLength(1);
});

test("parallel workers on one collector see only their own traces", () => {
  const orders = [...results].filter(([title]) => title.startsWith("order "));
  expect(orders.map(([, { status, message }]) => `${status} ${message}`)).toEqual(
    Array.from({ length: 12 }, () => "passed "),
  );
});

test("without a flush token the failure says so", () => {
  expect(results.get("no token")?.status).toBe("failed");
  expect(results.get("no token")?.message).toContain(
    "the server joined the trace, but its span has not arrived",
  );
  expect(results.get("no token")?.message).toContain("THROUGHLINE_FLUSH_TOKEN is not set here");
});

test("without a collector a test fails at its start and says what to start", () => {
  expect(results.get("no collector")?.status).toBe("failed");
  expect(results.get("no collector")?.message).toMatch(
    /@throughline\/playwright: no collector at http:\/\/127\.0\.0\.1:9 .*npx throughline-collector/,
  );
});

test("a collector that dies during a test fails the assertion, negated or not", () => {
  expect(results.get("negated")?.status).toBe("failed");
  expect(results.get("negated")?.message).toMatch(/lost the collector|is the collector still running/);
});

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunningCollector, startCollector } from "@throughline/collector";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumLaunchOptions } from "../../../scripts/chromium.mjs";
import { startTracedShop, type TracedShop } from "../test-data/traced-shop.ts";

// The real test runner, a real browser, a real collector; only the shop is small.
const FLUSH_TOKEN = "secret";
const CLI = createRequire(import.meta.url).resolve("@playwright/test/cli");

let collector: RunningCollector;
let shop: TracedShop;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "throughline-playwright-"));
  collector = await startCollector({ port: 0, host: "127.0.0.1" });
  shop = await startTracedShop({
    collectorUrl: collector.url,
    flushToken: FLUSH_TOKEN,
    stopCollector: () => collector.stop(),
  });
});

afterAll(async () => {
  await shop.stop();
  await collector.stop();
  await rm(folder, { recursive: true });
});

interface Result {
  readonly status: string;
  readonly durationMs: number;
  readonly message: string;
  readonly attachments: readonly { readonly name: string; readonly path?: string }[];
}

// Just what is read of Playwright's JSON report.
interface JsonSuite {
  readonly suites?: readonly JsonSuite[];
  readonly specs: readonly {
    readonly title: string;
    readonly tests: readonly {
      readonly results: readonly {
        readonly status: string;
        readonly duration: number;
        readonly errors: readonly { readonly message: string }[];
        readonly attachments: Result["attachments"];
      }[];
    }[];
  }[];
}

async function run(spec: string, env: Readonly<Record<string, string>> = {}): Promise<Map<string, Result>> {
  const index = fileURLToPath(new URL("./index.ts", import.meta.url));
  const dir = await mkdtemp(join(folder, "run-"));
  await writeFile(
    join(dir, "trace.spec.mjs"),
    `import { test, expect, span } from ${JSON.stringify(index)};
const shop = ${JSON.stringify(shop.url)};
const path = [span.click("Buy"), span.client("POST", "/api/orders"), span.server("POST", "/api/orders")];
const buy = async (page, otel, mode, sku = "x") => {
  await page.goto(shop + "/?mode=" + mode + "&sku=" + sku);
  return otel.during(() => page.getByRole("button", { name: "Buy" }).click());
};
${spec}`,
  );
  await writeFile(
    join(dir, "playwright.config.mjs"),
    `export default {
  testDir: ".", fullyParallel: true, workers: 2, timeout: 30_000, outputDir: "results",
  use: { launchOptions: ${JSON.stringify(chromiumLaunchOptions())} },
};`,
  );
  const report = await runPlaywright(dir, env);
  return new Map(report.suites.flatMap(resultsOf));
}

function runPlaywright(
  dir: string,
  env: Readonly<Record<string, string>>,
): Promise<{ suites: readonly JsonSuite[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, "test", "-c", dir, "--reporter=json"], {
      cwd: dir,
      env: {
        ...process.env,
        THROUGHLINE_COLLECTOR_URL: collector.url,
        THROUGHLINE_FLUSH_TOKEN: FLUSH_TOKEN,
        FORCE_COLOR: "0",
        COLUMNS: "120",
        ...env,
      },
    });
    let output = "";
    child.stdout.on("data", (part) => {
      output += part;
    });
    child.on("error", reject);
    child.on("close", () => {
      const start = output.indexOf("{");
      if (start < 0) reject(new Error(`playwright test printed no report: ${output || "nothing"}`));
      else resolve(JSON.parse(output.slice(start)));
    });
  });
}

function resultsOf(suite: JsonSuite): (readonly [string, Result])[] {
  const own = suite.specs.flatMap((spec) =>
    spec.tests.flatMap(({ results }) =>
      results.map(({ status, duration, errors, attachments }) => {
        // As one line each, whatever the width.
        const message = errors
          .map((error) => error.message.replace(/(?<=\S)\n {0,14}(?=\S)/g, " "))
          .join("\n");
        return [spec.title, { status, durationMs: duration, message, attachments }] as const;
      }),
    ),
  );
  return [...own, ...(suite.suites ?? []).flatMap(resultsOf)];
}

test("the fixture tells connected, broken and absent apart in a real browser", {
  timeout: 120_000,
}, async () => {
  const results = await run(`
test("connected", async ({ page, otel }) => {
  const trace = await buy(page, otel, "ok");
  await expect(trace).toHavePath(path);
  await expect(trace).toBeConnected();
  await expect(trace).not.toHavePath([span.db("INSERT")], { timeout: 2_000 });
  expect(otel.requests().map((request) => new URL(request.url).pathname)).toContain("/api/orders");
  expect((await otel.traces()).length).toBe(1);
});
test("no header", async ({ page, otel }) => {
  await expect(await buy(page, otel, "no-header")).toHavePath(path);
});
test("ignored header", async ({ page, otel }) => {
  await expect(await buy(page, otel, "ignored")).toBeConnected();
});
test("late service", async ({ page, otel }) => {
  const trace = await buy(page, otel, "inventory");
  await expect(trace).toHavePath([...path, span.client("GET", "/stock"), span.server("GET", "/stock", { service: "inventory" })]);
});
test("negated but there", async ({ page, otel }) => {
  await expect(await buy(page, otel, "ok")).not.toHavePath(path);
});
test("negated without any trace", async ({ page, otel }) => {
  await page.goto(shop);
  const trace = await otel.during(() => page.title());
  await expect(trace).not.toHavePath(path, { timeout: 300 });
});
test("soft twice", async ({ page, otel }) => {
  const trace = await buy(page, otel, "ok");
  await expect(trace).toHavePath([span.click("tried again")], { timeout: 300 }).catch(() => undefined);
  await expect.soft(trace).toHavePath([span.click("first")], { timeout: 300 });
  await expect.soft(trace).toHavePath([span.click("second")], { timeout: 300 });
});
test("a context of its own", async ({ page, browser, otel }) => {
  const other = await browser.newContext();
  await otel.watch(other);
  await page.goto(shop);
  await expect(await buy(await other.newPage(), otel, "ok")).toHavePath(path);
  await other.close();
});
test("a context that nobody watches", async ({ browser, otel }) => {
  const other = await browser.newContext();
  const trace = await buy(await other.newPage(), otel, "ok");
  await expect(trace).toHavePath(path, { timeout: 300 });
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
});`);
  const status = Object.fromEntries([...results].map(([title, result]) => [title, result.status]));
  expect(status, [...results].map(([title, { message }]) => `${title}: ${message}`).join("\n")).toEqual({
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

test("parallel workers on one collector see only their own traces", { timeout: 120_000 }, async () => {
  const results = await run(`
for (let index = 0; index < 12; index++) {
  test("order " + index, async ({ page, otel }) => {
    const sku = "sku-" + index;
    const trace = await buy(page, otel, "ok", sku);
    const own = { attributes: { "shop.sku": sku } };
    await expect(trace).toHavePath([span.click("Buy"), span.client("POST", own), span.server("POST", own)]);
    const spans = (await otel.traces()).flatMap((tree) => tree.nodes.map((node) => node.span.attributes["shop.sku"]));
    expect(new Set(spans.filter(Boolean))).toEqual(new Set([sku]));
  });
}`);
  expect([...results.values()].map(({ status, message }) => `${status} ${message}`)).toEqual(
    Array.from({ length: 12 }, () => "passed "),
  );
});

test("without a flush token the failure says so", { timeout: 60_000 }, async () => {
  const results = await run(
    `test("one", async ({ page, otel }) => {
  await expect(await buy(page, otel, "ok")).toHavePath(path, { timeout: 800 });
});`,
    { THROUGHLINE_FLUSH_TOKEN: "" },
  );
  expect(results.get("one")?.status).toBe("failed");
  expect(results.get("one")?.message).toContain("the server joined the trace, but its span has not arrived");
  expect(results.get("one")?.message).toContain("THROUGHLINE_FLUSH_TOKEN is not set here");
});

test("without a collector a test fails at its start and says what to start", {
  timeout: 30_000,
}, async () => {
  const results = await run(`test("one", async ({ otel }) => {});`, {
    THROUGHLINE_COLLECTOR_URL: "http://127.0.0.1:9",
  });
  expect(results.get("one")?.status).toBe("failed");
  expect(results.get("one")?.message).toMatch(
    /@throughline\/playwright: no collector at http:\/\/127\.0\.0\.1:9 .*npx throughline-collector/,
  );
});

// Last: it ends the collector.
test("a collector that dies during a test fails the assertion, negated or not", {
  timeout: 30_000,
}, async () => {
  const results = await run(`
test.describe.configure({ mode: "serial" });
test("negated", async ({ page, otel }) => {
  const trace = await buy(page, otel, "ok");
  await expect(trace).toBeConnected();
  await fetch(shop + "/stop-collector");
  await expect(trace).not.toHavePath([span.db("INSERT")]);
});`);
  expect(results.get("negated")?.status).toBe("failed");
  expect(results.get("negated")?.message).toMatch(/lost the collector|is the collector still running/);
});

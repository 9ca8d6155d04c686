// What tracing costs a page, in a real Chromium: CPU time of its main thread for each `fetch`, and for its load.
// The variants take turns within one run, so compare the ratios; the microseconds are those of this machine.
// "script" is Chromium's ScriptDuration: code called from tasks, without promise reactions, in which a page that
// awaits its requests spends its time. "all script" has those too, and what scripts call of the browser, as a sampling
// profiler sees it in rounds of their own. "thread" is all that the thread did, the network's part of a request too.
// Exits 1 where the default preset's script for a fetch is over its goal.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { build } from "esbuild";
import { buildPackages } from "./builds.mjs";
import { chromiumLaunchOptions } from "./chromium.mjs";
import { median } from "./figures.mjs";

const ROUNDS = 7;
const FETCHES = 250;
const LOADS = 9;
/** Of "script", for each fetch, over none; upstream's stack took 270 where the goal was set. */
const GOAL_US = 40;
const SAMPLE_US = 100;

const OURS = (entry) => `
import { startWebTracing, withSpan } from "${entry}";
const tracing = startWebTracing({ serviceName: "bench" });
const inSpan = (run) => withSpan("round", run);
const flush = () => tracing.flush();
`;

// Every variant runs the same rounds inside a span; the exporters of both presets post to this server, upstream's
// throws its spans away.
const VARIANTS = {
  none: "const inSpan = (run) => run(); const flush = () => undefined;",
  default: OURS("@throughline/web"),
  classic: OURS("@throughline/web/classic"),
  upstream: `
import { ZoneContextManager } from "@opentelemetry/context-zone";
import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { WebTracerProvider } from "@opentelemetry/sdk-trace-web";
const exporter = { export: (_, done) => done({ code: 0 }), shutdown: async () => undefined };
const provider = new WebTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register({ contextManager: new ZoneContextManager() });
const requests = new FetchInstrumentation();
requests.setTracerProvider(provider);
const tracer = provider.getTracer("bench");
const inSpan = (run) => tracer.startActiveSpan("round", (span) => run().finally(() => span.end()));
// Its spans end 300 ms after their answer.
const flush = () => new Promise((resolve) => setTimeout(resolve, 400)).then(() => provider.forceFlush());
`,
};

const APP = `
window.round = async (count) => {
  await inSpan(async () => {
    for (let index = 0; index < count; index++) await (await fetch("/api/stock")).json();
  });
  await flush();
};
`;

function bundle(code) {
  return build({
    stdin: { contents: code + APP, resolveDir: fileURLToPath(new URL("../packages/web", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    // As withTracing and the Vite plugin do it, for every variant alike.
    supported: { "async-await": false },
    write: false,
  }).then(({ outputFiles }) => outputFiles[0].text);
}

async function serve(scripts) {
  const server = createServer((request, response) => {
    const [, kind, name] = (request.url ?? "/").split("/");
    request.resume();
    if (kind === "page")
      return response
        .setHeader("content-type", "text/html")
        .end(
          `<!doctype html><title>${name}</title><link rel="icon" href="data:,"><script src="/script/${name}"></script>`,
        );
    if (kind === "script")
      return response.setHeader("content-type", "text/javascript").end(scripts[name] ?? "");
    return response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** CPU seconds of the page's thread since it was made. */
async function createClock(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
}

async function costOf(clock, run) {
  const before = await clock();
  await run();
  const after = await clock();
  return {
    scriptUs: (after.ScriptDuration - before.ScriptDuration) * 1e6,
    threadUs: (after.TaskDuration - before.TaskDuration) * 1e6,
  };
}

/** What runs while no code of the page does; the rest is scripts, and what they call of the browser. */
const NOT_SCRIPT = new Set(["(root)", "(program)", "(idle)"]);

/** Time in scripts while `run` runs, promise reactions and garbage collection included. */
async function scriptUsOf(session, run) {
  await session.send("Profiler.start");
  await run();
  const { profile } = await session.send("Profiler.stop");
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
  return profile.samples.reduce(
    (sum, id, index) => sum + (NOT_SCRIPT.has(names.get(id)) ? 0 : profile.timeDeltas[index]),
    0,
  );
}

async function createProfiler(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Profiler.enable");
  await session.send("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  return session;
}

/** Rounds of fetches, the variants by turns, each in a page of its own that stays. */
async function measureFetches(browser, url) {
  const pages = new Map();
  for (const name of Object.keys(VARIANTS)) {
    const page = await browser.newPage();
    await page.goto(`${url}/page/${name}`);
    // The first round compiles.
    await page.evaluate((count) => window.round(count), FETCHES);
    pages.set(name, {
      page,
      clock: await createClock(page),
      profiler: await createProfiler(page),
      costs: [],
    });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { page, clock, profiler, costs } of pages.values()) {
      await page.bringToFront();
      const run = () => page.evaluate((count) => window.round(count), FETCHES);
      const { scriptUs, threadUs } = await costOf(clock, run);
      const allScriptUs = await scriptUsOf(profiler, run);
      costs.push({
        scriptUs: scriptUs / FETCHES,
        allScriptUs: allScriptUs / FETCHES,
        threadUs: threadUs / FETCHES,
      });
    }
  }
  return new Map([...pages].map(([name, { costs }]) => [name, medians(costs)]));
}

async function measureLoads(browser, url) {
  const costs = new Map(Object.keys(VARIANTS).map((name) => [name, []]));
  for (let load = 0; load < LOADS; load++) {
    for (const [name, list] of costs) {
      const page = await browser.newPage();
      const clock = await createClock(page);
      list.push(await costOf(clock, () => page.goto(`${url}/page/${name}`)));
      await page.close();
    }
  }
  return new Map([...costs].map(([name, list]) => [name, medians(list)]));
}

function medians(costs) {
  const names = Object.keys(costs[0]);
  return Object.fromEntries(names.map((name) => [name, median(costs.map((cost) => cost[name]))]));
}

function printTable(title, costs) {
  const [none, upstream] = [costs.get("none"), costs.get("upstream")];
  const us = (value) => (Number.isNaN(value) ? "" : `${Math.round(value)} µs`);
  const ratio = (value, base) => (Number.isNaN(value) ? "" : `${(value / base).toFixed(2)}×`);
  const rows = [
    [
      title,
      "script",
      "over none",
      "to upstream's",
      "all script",
      "over none",
      "to upstream's",
      "thread",
      "over none",
      "to upstream's",
    ],
    ...[...costs].map(([name, cost]) => [
      name,
      ...["scriptUs", "allScriptUs", "threadUs"].flatMap((kind) => {
        const [value = Number.NaN, base = Number.NaN, theirs] = [cost[kind], none[kind], upstream[kind]];
        return [us(value), us(value - base), ratio(value - base, theirs - base)];
      }),
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const [name, ...cells] of rows) {
    const padded = cells.map((cell, column) => cell.padStart(widths[column + 1]));
    console.log([name.padEnd(widths[0]), ...padded].join("  "));
  }
  console.log("");
}

await buildPackages();
const scripts = {};
for (const [name, code] of Object.entries(VARIANTS)) scripts[name] = await bundle(code);
const server = await serve(scripts);
const browser = await chromium.launch(chromiumLaunchOptions());
try {
  console.log(`Chromium ${browser.version()}, CPU time of the page's main thread, medians\n`);
  const fetches = await measureFetches(browser, server.url);
  printTable(`one fetch (${ROUNDS} × ${FETCHES})`, fetches);
  printTable(`one load (${LOADS})`, await measureLoads(browser, server.url));
  const over = fetches.get("default").scriptUs - fetches.get("none").scriptUs;
  console.log(
    `the default preset: ${over.toFixed(1)} µs of script for each fetch over none (goal: ${GOAL_US} at most)`,
  );
  if (over > GOAL_US) process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}

// What tracing adds to the total blocking time of the shop's page, built for production without it, with it, and with a
// share so small that no session is sampled, on a processor made four times slower, as Lighthouse measures:
// https://web.dev/articles/tbt
// They take turns within one run, in a fresh browser context each; who is first changes with every round, and a
// difference is told with how sure it is.
// node scripts/bench-tbt.mjs [times slower, 4] [loads each, 30]
import { chromium } from "@playwright/test";
import { buildPackages, buildShop } from "./builds.mjs";
import { chromiumLaunchOptions } from "./chromium.mjs";
import { median, percentile, turned } from "./figures.mjs";
import { createProcesses } from "./processes.mjs";
import { startCollector, startDatabase, startInventory, startShop } from "./services.mjs";

const SLOWER = Number(process.argv[2] ?? 4);
const LOADS = Number(process.argv[3] ?? 30);
const RESAMPLES = 2000;
const OFF = "tracing off";
/** A task blocks from here on. */
const BLOCKS_MS = 50;

const processes = createProcesses();

async function startShops() {
  await buildPackages({ processes });
  const [collector, database] = await Promise.all([
    startCollector({ processes }),
    startDatabase({ processes }),
  ]);
  const inventory = await startInventory({ processes });
  const shared = { INVENTORY_URL: inventory.url, DATABASE_URL: database.url };
  const on = {
    OTEL_ENABLED: "true",
    OTEL_SERVICE_NAME: "shop",
    OTEL_TRACES_SAMPLER_ARG: "1",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  };
  const shops = new Map();
  for (const [name, distDir, env] of [
    [OFF, ".next-off", { OTEL_ENABLED: "" }],
    ["not sampled", ".next-share", { ...on, OTEL_TRACES_SAMPLER_ARG: "0.000001" }],
    ["traced", ".next", on],
  ]) {
    await buildShop({ env, distDir, processes });
    const { url } = await startShop({ env: { ...shared, ...env }, distDir, processes });
    shops.set(name, { url, loads: [] });
  }
  return shops;
}

/** Blocking time and long tasks of one load, until the page has been quiet for a second and a half. */
async function measureLoad(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  await page.goto(url, { waitUntil: "load" });
  const tasks = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const found = [];
        const quiet = () => resolve(found);
        let timer = setTimeout(quiet, 1500);
        new PerformanceObserver((list) => {
          found.push(...list.getEntries().map(({ startTime, duration }) => ({ startTime, duration })));
          clearTimeout(timer);
          timer = setTimeout(quiet, 1500);
        }).observe({ type: "longtask", buffered: true });
      }),
  );
  const paint = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  );
  const { metrics } = await session.send("Performance.getMetrics");
  const scriptSeconds = metrics.find(({ name }) => name === "ScriptDuration")?.value ?? Number.NaN;
  await context.close();
  const after = tasks.filter(({ startTime, duration }) => startTime + duration > paint);
  const blocking = after.map(({ startTime, duration }) => {
    const from = Math.max(startTime, paint);
    return Math.max(0, startTime + duration - from - BLOCKS_MS);
  });
  return {
    tbtMs: sum(blocking),
    longTasksMs: sum(tasks.map(({ duration }) => duration)),
    scriptMs: scriptSeconds * 1000,
  };
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** Between which values 95 % of the differences of medians lie, when rounds are drawn again by chance. */
function intervalOf(ones, others) {
  const differences = Array.from({ length: RESAMPLES }, () => {
    const rounds = ones.map(() => Math.floor(Math.random() * ones.length));
    return median(rounds.map((round) => ones[round])) - median(rounds.map((round) => others[round]));
  });
  return [percentile(differences, 0.025), percentile(differences, 0.975)];
}

function print(shops) {
  const ms = (value) => `${value.toFixed(1)} ms`.padStart(10);
  const of = (name, pick) => shops.get(name).loads.map(pick);
  const blocking = ({ tbtMs }) => tbtMs;
  const script = ({ scriptMs }) => scriptMs;
  console.log(["", "TBT median", "TBT mean", "long tasks, median", "script, median"].join("\t"));
  for (const [name, { loads }] of shops) {
    const tbt = of(name, blocking);
    const long = median(loads.map(({ longTasksMs }) => longTasksMs));
    const row = [median(tbt), sum(tbt) / tbt.length, long, median(of(name, script))];
    console.log([name.padEnd(12), ...row.map(ms)].join("\t"));
  }
  const differenceOf = (name, pick) => {
    const [more, base] = [of(name, pick), of(OFF, pick)];
    const [from, to] = intervalOf(more, base).map((value) => value.toFixed(1));
    return `${(median(more) - median(base)).toFixed(1)} ms (95 %: ${from} to ${to})`;
  };
  for (const name of [...shops.keys()].filter((each) => each !== OFF)) {
    console.log(`\n${name}: ${differenceOf(name, blocking)} of blocking time more (goal: 10 at most),`);
    console.log(`${differenceOf(name, script)} of script more.`);
  }
}

const browser = await chromium.launch(chromiumLaunchOptions());
try {
  const shops = await startShops();
  // The first load of each warms the server.
  for (const { url } of shops.values()) await measureLoad(browser, url);
  for (let load = 0; load < LOADS; load++) {
    // Nobody is always first, or always behind the same one.
    const turns = turned([...shops.values()], load);
    if (load % 2) turns.reverse();
    for (const shop of turns) shop.loads.push(await measureLoad(browser, shop.url));
  }
  console.log(`Chromium ${browser.version()}, ${LOADS} loads each, processor ${SLOWER} times slower\n`);
  print(shops);
} finally {
  await browser.close();
  await processes.stopAll();
}

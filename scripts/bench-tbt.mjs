// What tracing adds to the total blocking time of the shop's page, built for production without it, with it, and with a
// share: one so small that no session is sampled, and one so large that each is. Counted is the main thread's processor
// time for each task, times four, as Lighthouse reckons for a phone: https://web.dev/articles/tbt
// They take turns within one run, in a fresh browser context each; who is first changes with every round, and a
// difference is told with how sure it is.
// node scripts/bench-tbt.mjs [times, 4] [loads each, 30]
import { chromium } from "@playwright/test";
import { buildPackages, buildShop } from "./builds.mjs";
import { chromiumLaunchOptions } from "./chromium.mjs";
import { intervalOf, median, resampled, turned } from "./figures.mjs";
import { createProcesses } from "./processes.mjs";
import { startCollector, startDatabase, startInventory, startShop } from "./services.mjs";

const SLOWER = Number(process.argv[2] ?? 4);
const LOADS = Number(process.argv[3] ?? 30);
const OFF = "tracing off";
/** A task blocks from here on. */
const BLOCKS_MS = 50;
const QUIET_MS = 1500;
/** What goes on after `scheduler.yield` is told as no task, only as the microtasks that it is. */
const TASK = /RunTask$|^BlinkScheduler_PerformMicrotaskCheckpoint$/;

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
    // Below 1, so that the page starts with the stub; next to every session is traced.
    ["by a share", ".next-stub", { ...on, OTEL_TRACES_SAMPLER_ARG: "0.999999" }],
    ["traced", ".next", on],
  ]) {
    await buildShop({ env, distDir, processes });
    const { url } = await startShop({ env: { ...shared, ...env }, distDir, processes });
    shops.set(name, { url, loads: [] });
  }
  return shops;
}

/** Blocking time, long tasks and all tasks of one load, until the page has been loaded for a second and a half. */
async function measureLoad(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await browser.newBrowserCDPSession();
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await session.send("Tracing.start", {
    traceConfig: {
      includedCategories: ["devtools.timeline", "toplevel", "blink.user_timing"],
      excludedCategories: ["*"],
    },
  });
  await page.goto(url, { waitUntil: "load" });
  await page.waitForTimeout(QUIET_MS);
  const paint = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  );
  const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  await complete;
  await context.close();
  await session.detach();
  return readTasks(events, url, paint);
}

/** The main thread's tasks, as its own processor time tells: what else the machine did is not in it. */
function readTasks(events, url, paint) {
  const start = events.find(
    ({ name, args }) => name === "navigationStart" && args.data?.documentLoaderURL?.startsWith(url),
  );
  const runs = events.filter(
    ({ name, pid, tid, ph }) => TASK.test(name) && ph === "X" && pid === start.pid && tid === start.tid,
  );
  const tasks = outermost(runs)
    .map(({ ts, dur, tdur }) => ({
      until: (ts + dur - start.ts) / 1000,
      ms: ((tdur ?? dur) / 1000) * SLOWER,
    }))
    .filter(({ until }) => until > 0);
  const blocking = tasks.filter(({ until }) => until > paint).map(({ ms }) => Math.max(0, ms - BLOCKS_MS));
  return {
    tbtMs: sum(blocking),
    longTasksMs: sum(tasks.filter(({ ms }) => ms > BLOCKS_MS).map(({ ms }) => ms)),
    allMs: sum(tasks.map(({ ms }) => ms)),
  };
}

/** A task is told by more than one name, one within the other. */
function outermost(runs) {
  let until = Number.NEGATIVE_INFINITY;
  return runs
    .toSorted((one, other) => one.ts - other.ts || other.dur - one.dur)
    .filter(({ ts, dur }) => {
      if (ts < until) return false;
      until = ts + dur;
      return true;
    });
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** The difference of medians over as many rounds, drawn by chance. */
function drawnDifference(ones, others) {
  const rounds = resampled([...ones.keys()]);
  return median(rounds.map((round) => ones[round])) - median(rounds.map((round) => others[round]));
}

function print(shops) {
  const ms = (value) => `${value.toFixed(1)} ms`.padStart(10);
  const of = (name, pick) => shops.get(name).loads.map(pick);
  const blocking = ({ tbtMs }) => tbtMs;
  const all = ({ allMs }) => allMs;
  console.log(["", "TBT median", "TBT mean", "long tasks, median", "all tasks, median"].join("\t"));
  for (const [name, { loads }] of shops) {
    const tbt = of(name, blocking);
    const long = median(loads.map(({ longTasksMs }) => longTasksMs));
    const row = [median(tbt), sum(tbt) / tbt.length, long, median(of(name, all))];
    console.log([name.padEnd(12), ...row.map(ms)].join("\t"));
  }
  const differenceOf = (name, pick) => {
    const [more, base] = [of(name, pick), of(OFF, pick)];
    const [from, to] = intervalOf(() => drawnDifference(more, base)).map((value) => value.toFixed(1));
    return `${(median(more) - median(base)).toFixed(1)} ms (95 %: ${from} to ${to})`;
  };
  for (const name of [...shops.keys()].filter((each) => each !== OFF)) {
    console.log(`\n${name}: ${differenceOf(name, blocking)} of blocking time more (goal: 10 at most),`);
    console.log(`${differenceOf(name, all)} of the main thread more.`);
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
  console.log(`Chromium ${browser.version()}, ${LOADS} loads each, times of tasks x ${SLOWER}\n`);
  print(shops);
} finally {
  await browser.close();
  await processes.stopAll();
}

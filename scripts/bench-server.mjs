// What tracing costs a Next.js server: CPU time of its process for each request, by its own accounting.
// All variants run at once and take turns in short rounds of the same requests, so compare the ratios; the
// microseconds are those of this machine. A round's cost is read at the beginning of the variant's next round:
// what it exports and collects between the two belongs to it. Two processes that run the same code may differ by a
// tenth for as long as they live, so each variant is started several times.
// The collector is a process of its own and is not counted.
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildApp } from "./bench-server/apps.mjs";
import { createProbed } from "./bench-server/probe.mjs";
import { startStock } from "./bench-server/stock.mjs";
import { checkDelivered, ROUTES, startVariant, VARIANTS } from "./bench-server/variants.mjs";
import { buildPackages } from "./builds.mjs";
import { intervalOf, resampled, turned, verdict } from "./figures.mjs";
import { startCollector } from "./services.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));

const { values } = parseArgs({
  options: {
    // Of each variant, one after the other.
    processes: { type: "string", default: "7" },
    // Of each process.
    rounds: { type: "string", default: "10" },
    requests: { type: "string", default: "100" },
    warmup: { type: "string", default: "2000" },
    routes: { type: "string", default: "plain,fetch,page" },
    variants: { type: "string", default: "none,disabled,kit 10%,kit 100%,sdk 10%,sdk 100%" },
    // A folder for a CPU profile of each variant, written as the servers stop.
    profile: { type: "string" },
    // A file for every round's microseconds.
    out: { type: "string" },
  },
});
const [PROCESSES, ROUNDS, REQUESTS, WARMUP] = [
  values.processes,
  values.rounds,
  values.requests,
  values.warmup,
].map(Number);

const routes = values.routes.split(",");

function createLoad() {
  const child = fork(join(root, "scripts/bench-server/load.mjs"));
  return {
    send: (url, count) =>
      new Promise((resolve, reject) => {
        child.once("message", ({ failed }) =>
          failed
            ? reject(new Error(`bench:server: ${failed} of ${count} requests to ${url} failed`))
            : resolve(),
        );
        child.send({ url, count });
      }),
    stop: () => child.disconnect(),
  };
}

/** All at once, so that none has to wait: V8 forgets compiled code that does not run for a while. */
async function warmUp(servers) {
  await Promise.all(
    servers.map(async ({ url }) => {
      const load = createLoad();
      for (const route of routes) await load.send(url + ROUTES[route], WARMUP);
      load.stop();
    }),
  );
}

async function measure(servers, load) {
  const open = new Map();
  const settle = async (server) => {
    const before = open.get(server);
    const { cpuUs, rss } = await server.probe();
    server.memory.push(rss);
    if (before) server.costs[before.route].push((cpuUs - before.cpuUs) / REQUESTS);
    return cpuUs;
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const route of routes) {
      for (const server of turned(servers, round)) {
        const cpuUs = await settle(server);
        open.set(server, { route, cpuUs });
        await load.send(server.url + ROUTES[route], REQUESTS);
      }
    }
  }
  // The last round's spans are on their way for a second.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  for (const server of servers) await settle(server);
}

const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;

/** Mean cost of a request in each process; of "all", one request to each route. */
function costsOf(name, route) {
  const asked = route === "all" ? routes : [route];
  return sets.map((servers) => {
    const { costs } = servers.find((server) => server.name === name);
    return asked.reduce((sum, each) => sum + mean(costs[each]), 0);
  });
}

/** At most, of all routes over no tracing. */
const GOALS = { disabled: 1, "kit 10%": 1.05, "kit 100%": 1.15 };

/** More than without tracing. */
const MEMORY_GOALS_MB = { disabled: 25, "kit 10%": 25 };

/** Mean resident memory of each process, in MB. */
const memoriesOf = (name) =>
  sets.map((servers) => mean(servers.find((server) => server.name === name).memory) / 1e6);

/** The mean of as many processes, drawn by chance. */
const drawnMean = (costs) => mean(resampled(costs));

function printTable() {
  const rows = [["route", "variant", "CPU a request", "over none", "ratio", "95 %", "at most"]];
  const base = names.includes("none") ? "none" : names[0];
  for (const route of [...routes, "all"]) {
    const none = costsOf(base, route);
    for (const name of names) {
      const costs = costsOf(name, route);
      const interval = intervalOf(() => drawnMean(costs) / drawnMean(none));
      const goal = route === "all" ? GOALS[name] : undefined;
      rows.push([
        route,
        name,
        `${Math.round(mean(costs))} µs`,
        `${Math.round(mean(costs) - mean(none))} µs`,
        (mean(costs) / mean(none)).toFixed(3),
        name === base ? "" : interval.map((each) => each.toFixed(2)).join(" – "),
        goal === undefined ? "" : `${goal}: ${verdict(goal, interval)}`,
      ]);
    }
  }
  printRows(rows);
}

function printMemory() {
  const rows = [["variant", "RSS", "over none", "95 %", "at most"]];
  const base = names.includes("none") ? "none" : names[0];
  const none = memoriesOf(base);
  const mb = (value) => `${value.toFixed(1)} MB`;
  for (const name of names) {
    const memories = memoriesOf(name);
    const interval = intervalOf(() => drawnMean(memories) - drawnMean(none));
    const goal = MEMORY_GOALS_MB[name];
    rows.push([
      name,
      mb(mean(memories)),
      mb(mean(memories) - mean(none)),
      name === base ? "" : interval.map((each) => each.toFixed(1)).join(" – "),
      goal === undefined ? "" : `${goal} MB: ${verdict(goal, interval)}`,
    ]);
  }
  printRows(rows);
}

function printRows(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column < 1 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    );
    console.log(cells.join("  "));
  }
}

const { processes, probes } = createProbed();
const names = values.variants.split(",");
const seconds = (sinceMs) => Math.round((performance.now() - sinceMs) / 1000);
/** Of the processes that ran at once. */
const sets = [];
try {
  await buildPackages({ processes });
  const folders = new Map();
  for (const app of new Set(names.map((name) => VARIANTS[name].app)))
    folders.set(app, await buildApp(app, processes));
  const collector = await startCollector({ processes });
  const stock = await startStock();
  const startMs = performance.now();
  for (let set = 0; set < PROCESSES; set++) {
    // Another one is started first each time too.
    const servers = [];
    for (const name of turned(names, set)) {
      const env = { BENCH_STOCK_URL: stock.url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
      const options = { env, profile: values.profile, processes, probes };
      const server = await startVariant(name, folders.get(VARIANTS[name].app), options);
      servers.push({ ...server, costs: Object.fromEntries(routes.map((route) => [route, []])), memory: [] });
    }
    const load = createLoad();
    await warmUp(servers);
    await measure(servers, load);
    await checkDelivered(servers, collector);
    load.stop();
    for (const server of servers) await server.stop();
    sets.push(servers);
    console.log(`${set + 1} of ${PROCESSES} processes of each variant, ${seconds(startMs)} s`);
  }
  stock.stop();
  console.log(
    `\nNode ${process.version}, ${PROCESSES} processes × ${ROUNDS} rounds × ${REQUESTS} requests for each variant and route\n`,
  );
  if (values.out)
    writeFileSync(
      values.out,
      JSON.stringify(
        sets.map((servers) => servers.map(({ name, costs }) => ({ name, costs }))),
        null,
        1,
      ),
    );
  printTable();
  console.log("");
  printMemory();
  console.log(`\ncollector: ${JSON.stringify(await (await fetch(`${collector.url}/api/stats`)).json())}`);
} finally {
  await processes.stopAll();
}

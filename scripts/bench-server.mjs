// What tracing costs a Next.js server: CPU time of its process for each request, by its own accounting.
// All variants run at once and take turns in short rounds of the same requests, so compare the ratios; the
// microseconds are those of this machine. A round's cost is read at the beginning of the variant's next round:
// what it exports and collects between the two belongs to it.
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
import { turned } from "./figures.mjs";
import { startCollector } from "./services.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "40" },
    requests: { type: "string", default: "100" },
    warmup: { type: "string", default: "4000" },
    routes: { type: "string", default: "plain,fetch,page" },
    variants: { type: "string", default: "none,disabled,kit 10%,kit 100%,sdk 10%,sdk 100%" },
    // A folder for a CPU profile of each variant, written as the servers stop.
    profile: { type: "string" },
    // A file for every round's microseconds.
    out: { type: "string" },
  },
});
const [ROUNDS, REQUESTS, WARMUP] = [values.rounds, values.requests, values.warmup].map(Number);

// The spread is that of this many means.
const BLOCKS = 5;
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

/** Cost a request by round; of "all", one request to each route. */
function costsOf({ costs }, route) {
  if (route !== "all") return costs[route];
  return costs[routes[0]].map((_, round) => routes.reduce((sum, each) => sum + costs[each][round], 0));
}

/** Of means over a fifth of the rounds each: a garbage collection costs as much as a round. */
function ratiosOf(costs, base) {
  const size = Math.max(1, Math.floor(costs.length / BLOCKS));
  const block = (list, index) => mean(list.slice(index * size, (index + 1) * size));
  const count = Math.min(BLOCKS, costs.length);
  const ratios = Array.from({ length: count }, (_, index) => block(costs, index) / block(base, index));
  return ratios.sort((a, b) => a - b);
}

function printTable(servers, base) {
  const rows = [["route", "variant", "CPU a request", "over none", "ratio", "spread", "RSS"]];
  for (const route of [...routes, "all"]) {
    for (const server of servers) {
      const costs = costsOf(server, route);
      const none = costsOf(base, route);
      const ratios = ratiosOf(costs, none);
      rows.push([
        route,
        server.name,
        `${Math.round(mean(costs))} µs`,
        `${Math.round(mean(costs) - mean(none))} µs`,
        (mean(costs) / mean(none)).toFixed(3),
        `${ratios.at(0).toFixed(2)} – ${ratios.at(-1).toFixed(2)}`,
        `${Math.round(mean(server.memory) / 1024 / 1024)} MiB`,
      ]);
    }
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    );
    console.log(cells.join("  "));
  }
}

const { processes, probes } = createProbed();
const names = values.variants.split(",");
try {
  await buildPackages({ processes });
  const folders = new Map();
  for (const app of new Set(names.map((name) => VARIANTS[name].app)))
    folders.set(app, await buildApp(app, processes));
  const collector = await startCollector({ processes });
  const stock = await startStock();
  const servers = [];
  for (const name of names) {
    const env = { BENCH_STOCK_URL: stock.url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const options = { env, profile: values.profile, processes, probes };
    const server = await startVariant(name, folders.get(VARIANTS[name].app), options);
    servers.push({ ...server, costs: Object.fromEntries(routes.map((route) => [route, []])), memory: [] });
  }
  const load = createLoad();
  const startMs = performance.now();
  await warmUp(servers);
  await measure(servers, load);
  await checkDelivered(servers, collector);
  load.stop();
  stock.stop();
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(
    `Node ${process.version}, ${ROUNDS} rounds × ${REQUESTS} requests for each variant and route, ${seconds} s\n`,
  );
  if (values.out)
    writeFileSync(
      values.out,
      JSON.stringify(
        servers.map(({ name, costs }) => ({ name, costs })),
        null,
        1,
      ),
    );
  printTable(servers, servers.find(({ name }) => name === "none") ?? servers[0]);
  console.log(`\ncollector: ${JSON.stringify(await (await fetch(`${collector.url}/api/stats`)).json())}`);
} finally {
  await processes.stopAll();
}

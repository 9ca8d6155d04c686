// What tracing costs a Next.js server: CPU time of its process for each request, by its own accounting.
// All variants run at once and take turns in short rounds of the same requests, so compare the ratios; the
// microseconds are those of this machine. A round's cost is read at the beginning of the variant's next round:
// what it exports and collects between the two belongs to it.
// The collector is a process of its own and is not counted.
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildApp } from "./bench-server/apps.mjs";
import { buildPackages } from "./builds.mjs";
import { freePort } from "./ports.mjs";
import { createProcesses, saysLine } from "./processes.mjs";
import { startCollector } from "./services.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const next = join(root, "node_modules/next/dist/bin/next");

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
const ROUTES = { plain: "/api/plain", fetch: "/api/fetch", page: "/page" };

const traced = (ratio) => ({
  OTEL_ENABLED: "true",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: String(ratio),
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
  // The same for both; the SDK's own default is five seconds.
  OTEL_BSP_SCHEDULE_DELAY: "1000",
  // The SDK would start exporters for these by itself.
  OTEL_METRICS_EXPORTER: "none",
  OTEL_LOGS_EXPORTER: "none",
});

const VARIANTS = {
  none: { app: "none", env: {} },
  disabled: { app: "off", env: {} },
  "kit 10%": { app: "kit", env: traced(0.1) },
  "kit 100%": { app: "kit", env: traced(1) },
  "sdk 10%": { app: "sdk", env: traced(0.1) },
  "sdk 100%": { app: "sdk", env: traced(1) },
};

const serviceOf = (name) => `bench ${name}`;

/** `next start` of a variant, with the probe in it. */
async function startVariant(name, folder, env, { processes, probes }) {
  const port = await freePort(0);
  const service = serviceOf(name);
  const profile = values.profile
    ? ["--cpu-prof", `--cpu-prof-dir=${join(process.cwd(), values.profile, name.replace(/\W+/g, "-"))}`]
    : [];
  const { child } = await processes.start({
    name: service,
    args: [...profile, next, "start", "-p", String(port), "-H", "127.0.0.1"],
    cwd: folder,
    env: {
      ...env,
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      OTEL_SERVICE_NAME: service,
      NODE_OPTIONS: `--require=${join(root, "scripts/bench-server/cpu-probe.cjs")}`,
    },
    ready: saysLine(/Ready in/),
  });
  const probe = () =>
    new Promise((resolve) => {
      probes.set(service, resolve);
      child.kill("SIGUSR2");
    });
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    probe,
    costs: Object.fromEntries(routes.map((route) => [route, []])),
    memory: [],
  };
}

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

/** Something to fetch, here in the bench's own process. */
async function startStock() {
  const server = createServer((_, response) =>
    response.setHeader("content-type", "application/json").end('{"available":42}'),
  );
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/stock`, stop: () => server.close() };
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

/** A variant that traces nothing would be the cheapest. */
async function checkDelivered(servers, collector) {
  for (const { name } of servers) {
    const query = new URLSearchParams({ service: serviceOf(name), limit: "1" });
    const { traces } = await (await fetch(`${collector.url}/api/traces?${query}`)).json();
    const isTraced = VARIANTS[name].env.OTEL_ENABLED === "true";
    if (traces.length > 0 !== isTraced)
      throw new Error(
        `bench:server: "${name}" delivered ${isTraced ? "no spans" : "spans"}; its figures would say nothing`,
      );
  }
}

/** Another one goes first each time. */
function turned(list, by) {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
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

const probes = new Map();
const processes = createProcesses({
  onLine(name, line) {
    if (!line.startsWith("bench-probe ")) return;
    probes.get(name)?.(JSON.parse(line.slice("bench-probe ".length)));
    probes.delete(name);
  },
});
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
    const { app, env } = VARIANTS[name];
    const where = { BENCH_STOCK_URL: stock.url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    servers.push(await startVariant(name, folders.get(app), { ...env, ...where }, { processes, probes }));
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

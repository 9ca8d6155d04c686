// What tracing costs a Next.js server: CPU time of its process for each request, by its own accounting.
// All variants run at once and take turns in short rounds of the same requests, so compare the ratios; the
// microseconds are those of this machine. A round's cost is read at the beginning of the variant's next round:
// what it exports and collects between the two belongs to it.
// The collector is a process of its own and is not counted.
import { fork } from "node:child_process";
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

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    requests: { type: "string", default: "300" },
    warmup: { type: "string", default: "1500" },
    routes: { type: "string", default: "plain,fetch,page" },
    variants: { type: "string", default: "none,disabled,kit 10%,kit 100%,sdk 10%,sdk 100%" },
    /** Writes a CPU profile of each variant but the untraced into this folder. */
    profile: { type: "string" },
  },
});
const [ROUNDS, REQUESTS, WARMUP] = [values.rounds, values.requests, values.warmup].map(Number);

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

/** `next start` of a variant, with the probe in it. */
async function startVariant(name, folder, env, { processes, probes }) {
  const port = await freePort(0);
  const service = `bench ${name}`;
  const profile =
    values.profile && name !== "none"
      ? ` --cpu-prof --cpu-prof-dir=${join(process.cwd(), values.profile, name.replace(/\W+/g, "-"))}`
      : "";
  const { child } = await processes.start({
    name: service,
    args: [join(root, "node_modules/next/dist/bin/next"), "start", "-p", String(port), "-H", "127.0.0.1"],
    cwd: folder,
    env: {
      ...env,
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      OTEL_SERVICE_NAME: service,
      NODE_OPTIONS: `--require=${join(root, "scripts/bench-server/cpu-probe.cjs")}${profile}`,
    },
    ready: saysLine(/Ready in/),
  });
  const probe = () =>
    new Promise((resolve) => {
      probes.set(service, resolve);
      child.kill("SIGUSR2");
    });
  return { name, url: `http://127.0.0.1:${port}`, probe, costs: new Map(), memory: [] };
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

async function measure(servers, load) {
  const open = new Map();
  const settle = async (server) => {
    const before = open.get(server);
    const { cpuUs, rss } = await server.probe();
    server.memory.push(rss);
    if (before) {
      const list = server.costs.get(before.route) ?? [];
      server.costs.set(before.route, [...list, (cpuUs - before.cpuUs) / REQUESTS]);
    }
    return cpuUs;
  };
  for (const route of values.routes.split(","))
    for (const server of servers) await load.send(server.url + ROUTES[route], WARMUP);
  for (let round = 0; round < ROUNDS; round++) {
    for (const route of values.routes.split(",")) {
      for (const server of servers) {
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

function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)];
  return low + (sorted[Math.ceil(place)] - low) * (place % 1);
}

/** Cost a request by round; of "all", one request to each route. */
function costsOf(server, route) {
  if (route !== "all") return server.costs.get(route);
  const lists = [...server.costs.values()];
  return lists[0].map((_, round) => lists.reduce((sum, list) => sum + list[round], 0));
}

function printTable(servers, base) {
  const rows = [["route", "variant", "CPU a request", "over none", "ratio", "quartiles of the ratio", "RSS"]];
  for (const route of [...values.routes.split(","), "all"]) {
    for (const server of servers) {
      const costs = costsOf(server, route);
      const none = costsOf(base, route);
      // Round by round: what the machine did to one of a round it did to all.
      const ratios = costs.map((cost, round) => cost / none[round]);
      const us = quantile(costs, 0.5);
      const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(ratios, share).toFixed(3));
      rows.push([
        route,
        server.name,
        `${Math.round(us)} µs`,
        `${Math.round(us - quantile(none, 0.5))} µs`,
        middle,
        `${low} – ${high}`,
        `${Math.round(quantile(server.memory, 0.5) / 1024 / 1024)} MiB`,
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
  await measure(servers, load);
  load.stop();
  stock.stop();
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(
    `Node ${process.version}, ${ROUNDS} rounds × ${REQUESTS} requests for each variant and route, ${seconds} s\n`,
  );
  printTable(servers, servers.find(({ name }) => name === "none") ?? servers[0]);
  console.log(`\ncollector: ${JSON.stringify(await (await fetch(`${collector.url}/api/stats`)).json())}`);
} finally {
  await processes.stopAll();
}

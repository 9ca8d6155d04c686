// What tracing adds to a Next.js server's CPU time and slowest answers, told by one process that is compared with
// itself: its tracing is taken off and put back, turn by turn. Two processes that run the same code differ by more than
// the kit costs (`bench:server`); one does not. Between a turn and the next nothing is under way, and what a traced turn
// left to export belongs to it. What tracing costs an app that never started it is not seen here. With `--app demo` it is
// the demo's shop, with its inventory and its database, which are processes of their own and are not traced.
import { parseArgs } from "node:util";
import { buildApp } from "./bench-server/apps.mjs";
import { createProbed } from "./bench-server/probe.mjs";
import { startStock } from "./bench-server/stock.mjs";
import { createTurns, report, TOGGLE } from "./bench-server/turns.mjs";
import { checkDelivered, ROUTES, serviceOf, startVariant, VARIANTS } from "./bench-server/variants.mjs";
import { buildPackages, buildShop } from "./builds.mjs";
import { startCollector, startDatabase, startInventory, startShop } from "./services.mjs";

const { values } = parseArgs({
  options: {
    // `bench`, three small routes, or `demo`.
    app: { type: "string", default: "bench" },
    // Of traces that are kept: the variants "kit 10%" and "kit 100%".
    variants: { type: "string", default: "kit 10%,kit 100%" },
    // Of each variant, one after the other.
    processes: { type: "string", default: "3" },
    // Traced, and as long untraced, of each process and load.
    seconds: { type: "string", default: "60" },
    // `constant`, `mixed`, and the name of each request; all but the first keep four connections busy.
    loads: { type: "string", default: "constant,mixed" },
    // Of the constant load, a second; by default as many as leave the machine half idle.
    rate: { type: "string" },
    warmup: { type: "string", default: "6000" },
  },
});
const [PROCESSES, SECONDS, WARMUP] = [values.processes, values.seconds, values.warmup].map(Number);

const buying = {
  method: "POST",
  path: "/api/orders",
  // One order, written again: a table that grows would make each slower than the last.
  headers: { "content-type": "application/json", "idempotency-key": "bench" },
  body: '{"sku":"graph-notebook"}',
};
const APPS = {
  bench: {
    rate: 100,
    requests: Object.fromEntries(Object.entries(ROUTES).map(([name, path]) => [name, { path }])),
    async prepare(processes) {
      const folder = await buildApp("kit", processes);
      const stock = await startStock();
      return {
        start: (name, options) =>
          startVariant(name, folder, {
            ...options,
            env: { ...options.env, BENCH_STOCK_URL: stock.url },
            preloads: [TOGGLE],
            processes,
            probes,
          }),
        stop: stock.stop,
      };
    },
  },
  demo: {
    rate: 40,
    requests: {
      buy: buying,
      home: { path: "/" },
      orders: { path: "/api/orders" },
      order: { path: "/orders/1001" },
    },
    async prepare(processes) {
      const database = await startDatabase({ processes });
      const inventory = await startInventory({ processes });
      const env = { OTEL_ENABLED: "true", OTEL_SERVICE_NAME: "shop", OTEL_TRACES_SAMPLER_ARG: "1" };
      await buildShop({ env, processes });
      return {
        start: (name, options) =>
          startShop({
            env: {
              ...VARIANTS[name].env,
              ...options.env,
              OTEL_SERVICE_NAME: serviceOf(name),
              INVENTORY_URL: inventory.url,
              DATABASE_URL: database.url,
              NODE_OPTIONS: `--require=${TOGGLE}`,
            },
            processes,
          }),
        stop: () => undefined,
      };
    },
  },
};
const app = APPS[values.app];
if (!app) throw new Error(`bench:paired: --app ${values.app}: expected ${Object.keys(APPS).join(" or ")}`);

/** At most, over the same process untraced. */
const GOALS = {
  "kit 10%": { p99: 1.03, cpu: 1.05 },
  "kit 100%": { p99: 1.08, cpu: 1.15 },
};

const { processes, probes } = createProbed();
const turns = createTurns({
  requests: app.requests,
  rate: Number(values.rate ?? app.rate),
  seconds: SECONDS,
  processes,
});
const loads = values.loads.split(",");
try {
  await buildPackages({ processes });
  const collector = await startCollector({ processes });
  const { start, stop } = await app.prepare(processes);
  console.log(`Node ${process.version}, ${PROCESSES} × ${SECONDS} s traced and as long untraced\n`);
  for (const name of values.variants.split(",")) {
    const pairs = Object.fromEntries(loads.map((load) => [load, []]));
    for (let started = 0; started < PROCESSES; started++) {
      const server = await turns.start((env) => start(name, { env }), collector.url);
      await turns.warmUp(server, WARMUP);
      for (const load of loads) pairs[load].push(...(await turns.measure(server, load)));
      await checkDelivered([{ name }], collector);
      await server.stop();
    }
    for (const load of loads) report(`${name}, ${load}`, pairs[load], GOALS[name]);
  }
  stop();
} finally {
  turns.stop();
  await processes.stopAll();
}

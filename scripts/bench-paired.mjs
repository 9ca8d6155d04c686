// What tracing adds to a Next.js server's CPU time and slowest answers, told by one process that is compared with
// itself: its tracing is taken off and put back, turn by turn. Two processes that run the same code differ by more than
// the kit costs (`bench:server`); one does not. Between a turn and the next nothing is under way, and what a traced turn
// left to export belongs to it. What tracing costs an app that never started it is not seen here. With `--app demo` it is
// the demo's shop, with its inventory and its database, which are processes of their own and are not traced.
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildApp } from "./bench-server/apps.mjs";
import { createProbed } from "./bench-server/probe.mjs";
import { startStock } from "./bench-server/stock.mjs";
import { checkDelivered, ROUTES, serviceOf, startVariant, VARIANTS } from "./bench-server/variants.mjs";
import { buildPackages, buildShop } from "./builds.mjs";
import { intervalOf, percentile, verdict } from "./figures.mjs";
import { freePort } from "./ports.mjs";
import { startCollector, startDatabase, startInventory, startShop } from "./services.mjs";

const toggle = fileURLToPath(new URL("bench-server/toggle.cjs", import.meta.url));
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
const CONNECTIONS = 4;
/** A turn. */
const CONSTANT_SECONDS = 5;
const SATURATED_REQUESTS = 100;

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
            preloads: [toggle],
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
              NODE_OPTIONS: `--require=${toggle}`,
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
const RATE = Number(values.rate ?? app.rate);
const requests = Object.values(app.requests);

/** At most, over the same process untraced. */
const GOALS = {
  "kit 10%": { p99: 1.03, cpu: 1.05 },
  "kit 100%": { p99: 1.08, cpu: 1.15 },
};

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function answer(url, { path, body, ...options }) {
  return new Promise((resolve, reject) => {
    const fail = (reason) =>
      reject(new Error(`bench:paired: ${url}${path}: ${reason}; see why it fails there`));
    request(url + path, { agent, ...options }, (response) => {
      response.resume();
      response.once("error", fail);
      response.once("end", () => (response.statusCode < 300 ? resolve() : fail(response.statusCode)));
    })
      .once("error", fail)
      .end(body);
  });
}

/** One turn: returns the milliseconds of each answer, from when its request was due, sent late or not. */
async function constantTurn(url) {
  const times = [];
  const sent = [];
  const startMs = performance.now();
  for (let due = 0; due < CONSTANT_SECONDS * RATE; due++) {
    const dueMs = startMs + (due * 1000) / RATE;
    while (performance.now() < dueMs) await setTimeout(1);
    sent.push(answer(url, requests[due % requests.length]).then(() => times.push(performance.now() - dueMs)));
  }
  await Promise.all(sent);
  return times;
}

/** As many as four connections carry that are never idle. */
async function saturatedTurn(url, asked, count = SATURATED_REQUESTS) {
  const times = [];
  let left = count;
  const work = async () => {
    while (left-- > 0) {
      const sentMs = performance.now();
      await answer(url, asked[left % asked.length]);
      times.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  return times;
}

function turnOf(load) {
  if (load === "constant") return constantTurn;
  const asked = load === "mixed" ? requests : [app.requests[load]];
  return (url) => saturatedTurn(url, asked);
}

/** A server that takes its tracing off and puts it back when it is `told` to. */
async function startToggled(name, start, collector) {
  const port = await freePort(0);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, BENCH_TOGGLE_PORT: String(port) };
  const server = await start(name, { env });
  const socket = connect(port, "127.0.0.1");
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  const tell = async (command) => {
    socket.write(`${command}\n`);
    const { value, done } = await Promise.race([answers.next(), processes.died]);
    const told = done ? { error: "it has gone" } : JSON.parse(value);
    if (told.error) throw new Error(`bench:paired: ${name} was told "${command}": ${told.error}`);
    return told.cpuUs;
  };
  return {
    ...server,
    name,
    tell,
    async stop() {
      socket.destroy();
      await server.stop();
    },
  };
}

async function warmUp({ url, tell }) {
  // In their order: what is bought is looked at.
  for (const each of requests) await answer(url, each);
  for (const [state, count] of [
    ["on", WARMUP],
    ["off", WARMUP / 3],
    ["on", WARMUP / 3],
  ]) {
    await tell(state);
    await saturatedTurn(url, requests, count);
  }
}

/** Pairs of turns, as long as is asked; either is first as often as the other. */
async function measure(server, load) {
  const turn = turnOf(load);
  const pairs = [];
  const take = async (state) => {
    const before = await server.tell(state);
    const startMs = performance.now();
    const times = await turn(server.url);
    const ms = performance.now() - startMs;
    const cpuUs = (await server.tell("settle")) - before;
    return { times, ms, cpuUs };
  };
  for (let tracedMs = 0; tracedMs < SECONDS * 1000; ) {
    const pair = {};
    for (const state of pairs.length % 2 === 0 ? ["on", "off"] : ["off", "on"])
      pair[state] = await take(state);
    tracedMs += pair.on.ms;
    pairs.push(pair);
  }
  return pairs;
}

const times = (pairs, state) => pairs.flatMap((pair) => pair[state].times);
const cpu = (pairs, state) =>
  pairs.reduce((sum, pair) => sum + pair[state].cpuUs, 0) /
  pairs.reduce((sum, pair) => sum + pair[state].times.length, 0);

const FIGURES = {
  cpu: { unit: "µs", of: cpu },
  p50: { unit: "ms", of: (pairs, state) => percentile(times(pairs, state), 0.5) },
  p99: { unit: "ms", of: (pairs, state) => percentile(times(pairs, state), 0.99) },
};

const drawn = (pairs) => pairs.map(() => pairs[Math.floor(Math.random() * pairs.length)]);

function report(name, load, pairs) {
  console.log(`${name}, ${load}: ${pairs.length} pairs, ${times(pairs, "on").length} answers traced`);
  for (const [key, { unit, of }] of Object.entries(FIGURES)) {
    const ratioOf = (some) => of(some, "on") / of(some, "off");
    const interval = intervalOf(() => ratioOf(drawn(pairs)));
    const [from, to] = interval.map((each) => each.toFixed(3));
    const goal = GOALS[name]?.[key];
    const more = of(pairs, "on") - of(pairs, "off");
    console.log(
      [
        `  ${key} ${of(pairs, "off").toFixed(unit === "ms" ? 2 : 0)} ${unit}`,
        `${more < 0 ? "" : "+"}${more.toFixed(unit === "ms" ? 2 : 0)}`,
        `×${ratioOf(pairs).toFixed(3)} (95 %: ${from} – ${to})`,
        goal ? `at most ${goal}: ${verdict(goal, interval)}` : "",
      ].join("  "),
    );
  }
}

const { processes, probes } = createProbed();
const loads = values.loads.split(",");
try {
  await buildPackages({ processes });
  const collector = await startCollector({ processes });
  const { start, stop } = await app.prepare(processes);
  console.log(`Node ${process.version}, ${PROCESSES} × ${SECONDS} s traced and as long untraced\n`);
  for (const name of values.variants.split(",")) {
    const pairs = Object.fromEntries(loads.map((load) => [load, []]));
    for (let started = 0; started < PROCESSES; started++) {
      const server = await startToggled(name, start, collector);
      await warmUp(server);
      for (const load of loads) pairs[load].push(...(await measure(server, load)));
      await checkDelivered([server], collector);
      await server.stop();
    }
    for (const load of loads) report(name, load, pairs[load]);
  }
  stop();
} finally {
  agent.destroy();
  await processes.stopAll();
}

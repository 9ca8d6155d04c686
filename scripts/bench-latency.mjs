// What tracing adds to a Next.js server's slowest answers, CPU time and memory: untraced, disabled, 10 % and 100 %.
// All run at once and take turns, so compare the ratios. Two loads: requests that arrive at a constant rate, and as
// many as four connections can carry, where the slowest answers are those that queued.
import { Agent, get } from "node:http";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { buildApp } from "./bench-server/apps.mjs";
import { createProbed } from "./bench-server/probe.mjs";
import { startStock } from "./bench-server/stock.mjs";
import { checkDelivered, ROUTES, startVariant, VARIANTS } from "./bench-server/variants.mjs";
import { buildPackages } from "./builds.mjs";
import { percentile, turned } from "./figures.mjs";
import { startCollector } from "./services.mjs";

const { values } = parseArgs({
  options: {
    // Of each variant and load.
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "60" },
    // A round is cut into turns, so that what else the machine does meets all variants alike.
    turns: { type: "string", default: "6" },
    rate: { type: "string", default: "100" },
    warmup: { type: "string", default: "3000" },
    loads: { type: "string", default: "constant,saturated" },
  },
});
const [ROUNDS, SECONDS, TURNS, RATE, WARMUP] = [
  values.rounds,
  values.seconds,
  values.turns,
  values.rate,
  values.warmup,
].map(Number);
const NAMES = ["none", "disabled", "kit 10%", "kit 100%"];
const CONNECTIONS = 4;
const MEGABYTE = 1e6;
const paths = Object.values(ROUTES);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** `most` over the untraced server: a share of p99 and CPU, megabytes of memory. */
const GOALS = {
  "kit 10%": { p99: 1.03, cpu: 1.05, rss: 25 },
  "kit 100%": { p99: 1.08 },
};

function answer(url) {
  return new Promise((resolve, reject) => {
    const fail = (reason) => reject(new Error(`bench:latency: ${url}: ${reason}; see why it fails there`));
    get(url, { agent }, (response) => {
      response.resume();
      response.once("error", fail);
      response.once("end", () => (response.statusCode === 200 ? resolve() : fail(response.statusCode)));
    }).once("error", fail);
  });
}

const LOADS = {
  /** Each answer is measured from when its request was due, sent late or not. */
  async constant(url, ms, take) {
    const startMs = performance.now();
    const sent = [];
    const total = Math.floor((ms / 1000) * RATE);
    while (sent.length < total) {
      const now = performance.now() - startMs;
      for (; sent.length < total && (sent.length * 1000) / RATE <= now; ) {
        const dueMs = startMs + (sent.length * 1000) / RATE;
        sent.push(
          answer(url + paths[sent.length % paths.length]).then(() => take(performance.now() - dueMs)),
        );
      }
      await setTimeout(1);
    }
    await Promise.all(sent);
  },
  async saturated(url, ms, take) {
    const endMs = performance.now() + ms;
    let count = 0;
    const work = async () => {
      while (performance.now() < endMs) {
        const sentMs = performance.now();
        await answer(url + paths[count++ % paths.length]);
        take(performance.now() - sentMs);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
  },
};

async function measure(servers, load) {
  const ms = (SECONDS * 1000) / TURNS;
  for (let round = 0; round < ROUNDS; round++) {
    const rows = new Map(servers.map((server) => [server, { times: [], cpuUs: 0, rss: 0 }]));
    for (let turn = 0; turn < TURNS; turn++) {
      for (const server of turned(servers, round + turn)) {
        const row = rows.get(server);
        const before = await server.probe();
        await LOADS[load](server.url, ms, (time) => row.times.push(time));
        // What the last second left to export is sent before the next probe.
        await setTimeout(1200);
        const after = await server.probe();
        row.cpuUs += after.cpuUs - before.cpuUs;
        row.rss = Math.max(row.rss, after.rss);
      }
    }
    for (const [server, row] of rows) server.rounds.push(row);
  }
}

function figuresOf(rounds) {
  const times = rounds.flatMap((round) => round.times);
  return {
    count: times.length,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: rounds.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / times.length,
    rss: Math.max(...rounds.map(({ rss }) => rss)) / MEGABYTE,
  };
}

/** "disabled" runs the code of "none": a goal nearer to 1 than those two are to each other is not decided. */
function verdict(key, found, most, noise) {
  if (key !== "rss" && noise[key] > most - 1)
    return `undecided, the machine's noise is ${noise[key].toFixed(2)}`;
  return found <= most ? "met" : "missed";
}

function report(servers, load) {
  const [base, disabled] = servers;
  const none = figuresOf(base.rounds);
  const idle = figuresOf(disabled.rounds);
  const noise = { p99: Math.abs(idle.p99 / none.p99 - 1), cpu: Math.abs(idle.cpu / none.cpu - 1) };
  console.log(
    `\n${load}: ${load === "constant" ? `${RATE} requests a second` : `${CONNECTIONS} connections`}`,
  );
  for (const { name, rounds } of servers) {
    const figures = figuresOf(rounds);
    const ratio = (key) => figures[key] / none[key];
    const each = rounds.map(
      (round, index) => percentile(round.times, 0.99) / percentile(base.rounds[index].times, 0.99),
    );
    const spread = each
      .toSorted((a, b) => a - b)
      .map((value) => value.toFixed(2))
      .join(" ");
    console.log(
      [
        name.padEnd(9),
        `${figures.count} answers`,
        `p50 ${figures.p50.toFixed(1)} ms ×${ratio("p50").toFixed(3)}`,
        `p99 ${figures.p99.toFixed(1)} ms ×${ratio("p99").toFixed(3)} (rounds ${spread})`,
        `CPU ${Math.round(figures.cpu)} µs ×${ratio("cpu").toFixed(3)}`,
        `RSS ${figures.rss.toFixed(0)} MB ${(figures.rss - none.rss).toFixed(0)} more`,
      ].join("  "),
    );
    const found = { p99: ratio("p99"), cpu: ratio("cpu"), rss: figures.rss - none.rss };
    for (const [key, most] of Object.entries(GOALS[name] ?? {}))
      console.log(`          ${key} at most ${most}: ${verdict(key, found[key], most, noise)}`);
  }
}

const { processes, probes } = createProbed();
try {
  await buildPackages({ processes });
  const collector = await startCollector({ processes });
  const stock = await startStock();
  const env = { BENCH_STOCK_URL: stock.url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const servers = [];
  for (const name of NAMES) {
    const folder = await buildApp(VARIANTS[name].app, processes);
    servers.push(await startVariant(name, folder, { env, processes, probes }));
  }
  const warm = async ({ url }) => {
    for (let sent = 0; sent < WARMUP; sent += CONNECTIONS)
      await Promise.all(paths.concat(paths[0]).map((path) => answer(url + path)));
  };
  await Promise.all(servers.map(warm));
  console.log(
    `Node ${process.version}, ${ROUNDS} × ${SECONDS} s for each variant and load, ${WARMUP} requests first`,
  );
  for (const load of values.loads.split(",")) {
    for (const server of servers) server.rounds = [];
    await measure(servers, load);
    report(servers, load);
  }
  await checkDelivered(servers, collector);
  stock.stop();
} finally {
  agent.destroy();
  await processes.stopAll();
}

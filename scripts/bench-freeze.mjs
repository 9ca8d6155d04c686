// How long a response takes on a host that stops the process between requests, traced and not. The two servers take
// turns, each stopped while the other answers. A traced request is over for its user before its spans are sent, so
// what may be seen here is tracing itself, and what the last flush left to do. Fails where the 95th percentile is surely
// more than 5 ms above the untraced one.
import { get } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildApp, startApp } from "./bench-server/apps.mjs";
import { buildPackages } from "./builds.mjs";
import { intervalOf, percentile, resampled, verdict } from "./figures.mjs";
import { isStopped } from "./process-facts.mjs";
import { createProcesses } from "./processes.mjs";
import { startCollector } from "./services.mjs";

const host = fileURLToPath(new URL("../apps/demo/e2e/fixtures/server-app/frozen-host.mjs", import.meta.url));
const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "1000" },
    warmup: { type: "string", default: "200" },
  },
});
const [REQUESTS, WARMUP] = [values.requests, values.warmup].map(Number);
const ROUTES = ["/api/plain", "/api/stream"];
const SERVICE = "bench freeze";
const GOAL_MS = 5;

async function startServer(name, processes, collector) {
  const folder = await buildApp(name === "traced" ? "kit" : "none", processes);
  const { child, url } = await startApp(folder, {
    name,
    env: {
      NODE_OPTIONS: `--import=${host}`,
      OTEL_SERVICE_NAME: SERVICE,
      OTEL_TRACES_SAMPLER_ARG: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      ...(name === "traced" && { OTEL_ENABLED: "true" }),
    },
    processes,
  });
  const times = Object.fromEntries(ROUTES.map((route) => [route, []]));
  return { name, pid: child.pid, url, times };
}

/** Milliseconds from the request to its last byte. */
function ask(url) {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    get(url, { agent: false }, (response) =>
      response.resume().once("end", () => resolve(performance.now() - startMs)),
    ).once("error", reject);
  });
}

async function measure({ pid, url, times }, route, isWarm) {
  process.kill(pid, "SIGCONT");
  const ms = await ask(url + route);
  if (isWarm) times[route].push(ms);
  while (!isStopped(pid)) await new Promise((resolve) => setTimeout(resolve, 1));
}

const p95 = (times) => percentile(times, 0.95);

function report(route, [untraced, traced]) {
  for (const { name, times } of [untraced, traced])
    console.log(
      `${route.padEnd(12)}  ${name.padEnd(9)}  p50 ${percentile(times[route], 0.5).toFixed(2)} ms  p95 ${p95(times[route]).toFixed(2)} ms`,
    );
  const [from, to] = intervalOf(
    () => p95(resampled(traced.times[route])) - p95(resampled(untraced.times[route])),
  );
  console.log(
    `${route.padEnd(12)}  p95 traced, ms more (95 %): ${from.toFixed(2)} to ${to.toFixed(2)}  at most ${GOAL_MS}: ${verdict(GOAL_MS, [from, to])}`,
  );
}

const processes = createProcesses();
const servers = [];
try {
  await buildPackages({ processes });
  const collector = await startCollector({ processes });
  for (const name of ["untraced", "traced"]) servers.push(await startServer(name, processes, collector));
  for (let index = 0; index < WARMUP + REQUESTS; index++)
    for (const server of index % 2 === 0 ? servers : [...servers].reverse())
      await measure(server, ROUTES[(index >> 1) % ROUTES.length], index >= WARMUP);
  console.log(`Node ${process.version}, ${REQUESTS} requests of each server, stopped after each\n`);
  for (const route of ROUTES) report(route, servers);
  const stats = await (await fetch(`${collector.url}/api/stats`)).json();
  console.log(`\ncollector: ${JSON.stringify(stats)}`);
} finally {
  // A process that stands still hears no other signal.
  for (const { pid } of servers) process.kill(pid, "SIGKILL");
  await processes.stopAll();
}

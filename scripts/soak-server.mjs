// Does a server that measures and traces grow? `next start` of a production build with metrics on, a collector,
// requests at a constant rate, and its memory every few seconds, before and after a garbage collection.
// Beside it the same build with tracing off, under the same load: what Next.js and Node.js grow by themselves.
// All of it on loopback; ends by itself after `minutes`, at the latest after MOST_MINUTES.
import { writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { buildApp } from "./bench-server/apps.mjs";
import { createProbed, startProbed } from "./bench-server/probe.mjs";
import { startStock } from "./bench-server/stock.mjs";
import { buildPackages } from "./builds.mjs";
import { startCollector } from "./services.mjs";
import { REQUESTS, startLoad } from "./soak-server/load.mjs";
import { faultsOf, startMetricsReader } from "./soak-server/metrics.mjs";
import { slopeOf } from "./soak-server/slope.mjs";

const MOST_MINUTES = 120;
const MOST_A_SECOND = 500;
const MEGABYTE = 1e6;
const MOST_GROWTH = 1; // MB an hour

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: "string", default: "200" },
    // Minutes that do not count: V8 compiles, caches fill.
    warmup: { type: "string" },
    every: { type: "string", default: "15" },
    sample: { type: "string", default: "0.1" },
    // A file for every sample.
    out: { type: "string" },
  },
});
const minutes = Math.min(Number(positionals[0] ?? 60), MOST_MINUTES);
const warmup = Number(values.warmup ?? Math.min(10, minutes / 3));
const rate = Math.min(Number(values.rate), MOST_A_SECOND);

function startServer(folder, { name, env }) {
  return startProbed(folder, { name, nodeArgs: ["--expose-gc"], env, processes, probes });
}

function startTraced(folder, { collector, metrics, stock }) {
  return startServer(folder, {
    name: "the soaked server",
    env: {
      OTEL_ENABLED: "true",
      OTEL_METRICS_ENABLED: "true",
      OTEL_SERVICE_NAME: "soak",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: values.sample,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: metrics.url,
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "10000",
      BENCH_STOCK_URL: stock.url,
    },
  });
}

/** The same code: with no `OTEL_ENABLED` nothing of the kit is loaded. */
function startUntraced(folder, { stock }) {
  return startServer(folder, {
    name: "the untraced server",
    env: { OTEL_ENABLED: "", BENCH_STOCK_URL: stock.url },
  });
}

/** Samples of `server` until the time is over or `stopped` is told; kept in `file` as they come. */
async function watch(server, stopped, file) {
  const samples = [];
  const startMs = performance.now();
  while (!stopped.aborted) {
    await setTimeout(Number(values.every) * 1000, undefined, { signal: stopped }).catch(() => undefined);
    if (server.child.exitCode !== null || server.child.signalCode !== null) break;
    const hours = (performance.now() - startMs) / 3_600_000;
    samples.push({ hours, ...(await server.probe()) });
    if (file) writeFileSync(file, JSON.stringify(samples));
    if (hours * 60 >= minutes) break;
  }
  return samples;
}

const SERIES = {
  "RSS after a collection": ({ after }) => after.rss,
  "RSS as it was": ({ rss }) => rss,
  "heap after a collection": ({ after }) => after.heapUsed,
  "outside the heap": ({ after }) => after.external,
};

function afterWarmup(samples) {
  const counted = samples.filter(({ hours }) => hours * 60 >= warmup);
  if (counted.length < 3)
    throw new Error(`soak: ${counted.length} samples after ${warmup} min say nothing; name more minutes`);
  return counted;
}

/**
 * Prints the table; true when the memory after a collection does not grow. `than` are the samples of another process at the
 * same moments, over which it grows.
 */
function report(counted, name, than) {
  console.log(`${name}: ${counted.length} samples after ${warmup} min, MB`);
  const slopes = Object.entries(SERIES).map(([name, read]) => {
    const points = counted.map((sample, at) => [
      sample.hours,
      (read(sample) - (than ? read(than[at]) : 0)) / MEGABYTE,
    ]);
    const { slope, error } = slopeOf(points);
    const ends = `${points[0][1].toFixed(1)} → ${points.at(-1)[1].toFixed(1)}`;
    console.log(`${name.padEnd(24)} ${ends.padStart(16)}  ${slope.toFixed(2)} ± ${error.toFixed(2)} MB/h`);
    return slope;
  });
  // Of RSS and of the heap, which tells better.
  return slopes[0] <= MOST_GROWTH && slopes[2] <= MOST_GROWTH;
}

function reportMetrics({ exports, refused, points }) {
  const faults = faultsOf(points, REQUESTS);
  console.log(`\n${exports} exports of metrics, ${refused} refused, ${points.length} series of the duration`);
  for (const point of points) console.log(`  ${JSON.stringify(point)}`);
  for (const fault of faults) console.log(`  ${fault}`);
  return faults.length === 0 && refused === 0;
}

const { processes, probes } = createProbed();
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopping.abort());
try {
  await buildPackages({ processes });
  const folder = await buildApp("soak", processes);
  const collector = await startCollector({ processes });
  const metrics = await startMetricsReader(collector.url);
  const stock = await startStock();
  const server = await startTraced(folder, { collector, metrics, stock });
  const untraced = await startUntraced(folder, { stock });
  console.log(
    `Node ${process.version}, ${rate} requests a second each for ${minutes} min, ${values.sample} traced`,
  );
  const loads = [
    startLoad({ ...server, name: "traced" }, rate),
    startLoad({ ...untraced, name: "untraced" }, rate),
  ];
  const [samples, untracedSamples] = await Promise.all([
    watch(server, stopping.signal, values.out),
    watch(untraced, stopping.signal, values.out && `${values.out}.untraced`),
  ]);
  const [counts, untracedCounts] = await Promise.all(loads.map((load) => load.stop()));
  // Its last metrics are sent as it stops.
  await server.stop();
  metrics.stop();
  stock.stop();
  for (const [name, { answered, wrong, left }] of Object.entries({
    traced: counts,
    untraced: untracedCounts,
  }))
    console.log(`${name}: ${answered} answers, ${wrong} wrong, ${left} not sent (all busy)`);
  const [traced, other] = [afterWarmup(samples), afterWarmup(untracedSamples)];
  report(other, "untraced");
  const pairs = Math.min(traced.length, other.length);
  // What the machine has both do is not in the difference: RSS follows how busy it is.
  const growths = [
    report(traced, "traced and measured"),
    report(traced.slice(0, pairs), "traced and measured, over untraced", other),
  ];
  const isFlat = growths.includes(true);
  const isComplete = reportMetrics(metrics.seen);
  console.log(`\ncollector: ${JSON.stringify(await (await fetch(`${collector.url}/api/stats`)).json())}`);
  if (!isFlat || !isComplete || counts.wrong > 0) process.exitCode = 1;
} finally {
  await processes.stopAll();
}

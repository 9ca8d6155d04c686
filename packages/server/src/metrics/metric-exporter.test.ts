import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { createTroubles } from "../pipeline/troubles.ts";
import { readServerConfig } from "../settings.ts";
import { createMetricExporter } from "./metric-exporter.ts";

/** What two exports tell of two counters, one of them observed, a histogram and a sum that goes down too, each of which grew by one before each. */
async function twoExports(preference: Record<string, string>): Promise<unknown[]> {
  const told: unknown[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const [{ scopeMetrics }] = JSON.parse(body).resourceMetrics;
    told.push(scopeMetrics[0].metrics.map(tellingOf));
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const config = readServerConfig({}, () => undefined, {
    OTEL_ENABLED: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    ...preference,
  });
  if (!config) throw new Error("the settings are wrong");
  const exporter = createMetricExporter(config, createTroubles());
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  });
  const meter = provider.getMeter("test");
  const instruments = [
    meter.createCounter("counter"),
    meter.createHistogram("histogram"),
    meter.createUpDownCounter("open"),
  ];
  let times = 0;
  meter.createObservableCounter("observed").addCallback((result) => result.observe(times));
  for (times = 1; times <= 2; times++) {
    for (const each of instruments) "add" in each ? each.add(1) : each.record(1);
    await provider.forceFlush();
  }
  await provider.shutdown();
  await once(server.close(), "close");
  return told.slice(0, 2);
}

interface SentMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly [{ readonly asDouble: number }] };
  readonly histogram?: { readonly dataPoints: readonly [{ readonly count: number }] };
}

function tellingOf({ name, sum, histogram }: SentMetric): string {
  return `${name} ${sum?.dataPoints[0].asDouble ?? histogram?.dataPoints[0].count}`;
}

test("sums are of all since the start, as OpenTelemetry has it without a word", async () => {
  expect(await twoExports({})).toEqual([
    ["counter 1", "histogram 1", "open 1", "observed 1"],
    ["counter 2", "histogram 2", "open 2", "observed 2"],
  ]);
});

test("asked for delta, counters and histograms tell what is new, and what goes down too is told whole", async () => {
  expect(await twoExports({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "Delta" })).toEqual([
    ["counter 1", "histogram 1", "open 1", "observed 1"],
    ["counter 1", "histogram 1", "open 2", "observed 1"],
  ]);
});

test("asked for lowmemory, what is observed is told whole", async () => {
  expect(await twoExports({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "lowmemory" })).toEqual([
    ["counter 1", "histogram 1", "open 1", "observed 1"],
    ["counter 1", "histogram 1", "open 2", "observed 2"],
  ]);
});

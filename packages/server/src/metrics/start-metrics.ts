import type { IncomingMessage } from "node:http";
import { metrics } from "@opentelemetry/api";
import { HostMetrics } from "@opentelemetry/host-metrics";
import { RuntimeNodeInstrumentation } from "@opentelemetry/instrumentation-runtime-node";
import type { Resource } from "@opentelemetry/resources";
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { countActiveRequests, measureRequests } from "./request-metrics.ts";

export interface MetricsOptions {
  readonly resource: Resource;
  readonly exporter: PushMetricExporter;
  readonly intervalMs: number;
  /** Requests that are not measured. */
  readonly isNoise: (request: IncomingMessage) => boolean;
  /** How many spans this process has lost so far. */
  readonly droppedSpans: () => number;
}

export interface RunningMetrics {
  /** Measures the requests among the spans on their way to `next`. */
  readonly measure: (next: SpanProcessor) => SpanProcessor;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** A client that invents routes or statuses must not fill the memory: https://opentelemetry.io/docs/specs/otel/metrics/sdk/#cardinality-limits */
const SERIES_LIMIT = 1000;
// Not `system.network`: it reads by starting programs.
const HOST_GROUPS = ["system.cpu", "system.memory", "process.cpu", "process.memory"];

/** System, process, runtime and request metrics, sent every `intervalMs`. */
export function startMetrics(options: MetricsOptions): RunningMetrics {
  const reader = new PeriodicExportingMetricReader({
    exporter: options.exporter,
    exportIntervalMillis: options.intervalMs,
    // Its timer holds a process that wants to end. The exporter goes on, by its own time limit. And the reader refuses a
    // time-out above its interval.
    exportTimeoutMillis: Math.min(options.intervalMs, 1000),
  });
  const provider = new MeterProvider({
    resource: options.resource,
    readers: [reader],
    views: [{ instrumentName: "http.server.*", aggregationCardinalityLimit: SERIES_LIMIT }],
  });
  // The app's own instruments, by the API, go the same way.
  metrics.setGlobalMeterProvider(provider);
  new HostMetrics({ meterProvider: provider, metricGroups: HOST_GROUPS }).start();
  const runtime = new RuntimeNodeInstrumentation();
  runtime.setMeterProvider(provider);
  const meter = provider.getMeter("@throughline/server");
  const stopCounting = countActiveRequests(meter, options.isNoise);
  meter
    .createObservableCounter("throughline.spans.dropped", {
      unit: "{span}",
      description: "Spans that this process ended and could not deliver.",
    })
    .addCallback((result) => result.observe(options.droppedSpans()));
  return {
    measure: (next) => measureRequests(meter, next),
    flush: () => provider.forceFlush(),
    async stop(): Promise<void> {
      stopCounting();
      runtime.disable();
      metrics.disable();
      await provider.shutdown();
    },
  };
}

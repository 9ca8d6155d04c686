import { JsonMetricsSerializer, ProtobufMetricsSerializer } from "@opentelemetry/otlp-transformer";
import {
  AggregationTemporality,
  InstrumentType,
  type PushMetricExporter,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { createSender } from "../pipeline/delivery/create-sender.ts";
import { createSignalExporter, type SignalExporter } from "../pipeline/signal-exporter.ts";
import { metricsTarget, printUrl } from "../pipeline/signal-target.ts";
import type { Troubles } from "../pipeline/troubles.ts";
import type { ServerConfig } from "../settings.ts";
import type { MetricsTemporality } from "../settings-table.ts";

/** What tells only what is new; sums that go down too (requests that are open, memory) never do. */
const DELTA: Readonly<Record<MetricsTemporality, readonly InstrumentType[]>> = {
  cumulative: [],
  delta: [InstrumentType.COUNTER, InstrumentType.OBSERVABLE_COUNTER, InstrumentType.HISTOGRAM],
  lowmemory: [InstrumentType.COUNTER, InstrumentType.HISTOGRAM],
};

/** Sends metrics to their collector. */
export function createMetricExporter(
  config: ServerConfig,
  troubles: Troubles,
): PushMetricExporter & SignalExporter<ResourceMetrics> {
  const target = metricsTarget(config);
  const serializer = target.protocol === "http/json" ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const exporter = createSignalExporter({
    // Sums since the start come whole with the next export; of delta what is given up is lost.
    patienceMs: 5000,
    sender: createSender("metrics", target, config),
    serialize: (metrics: ResourceMetrics) => serializer.serializeRequest(metrics),
    trouble: troubles.open(),
    countOf: () => 1,
    print: (times, reason) =>
      `metrics did not reach ${printUrl(target.url)}, ${times} times since the start: ${reason}. Check that the collector runs and takes metrics, or unset OTEL_METRICS_ENABLED.`,
  });
  const delta = DELTA[config.metricsTemporality];
  return {
    ...exporter,
    // https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/#additional-environment-variable-configuration
    selectAggregationTemporality: (type): AggregationTemporality =>
      delta.includes(type) ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE,
  };
}

import { OTLPMetricExporter as GrpcExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtobufExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import type { PushMetricExporter, ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { sayingFailures } from "../pipeline/saying-failures.ts";
import type { SignalTarget } from "../settings.ts";

/** OpenTelemetry's own exporter of metrics for this target; a failure is told at most once a minute. */
export function createMetricExporter(target: SignalTarget): PushMetricExporter {
  return sayingFailures<ResourceMetrics, PushMetricExporter>(
    exporterFor(target),
    (_, reason) =>
      `metrics did not reach ${target.url}: ${reason}. Check that the collector runs and takes metrics, or unset OTEL_METRICS_ENABLED.`,
  );
}

function exporterFor({ url, protocol, headers }: SignalTarget): PushMetricExporter {
  switch (protocol) {
    case "grpc":
      // The headers reach it by OTEL_EXPORTER_OTLP_HEADERS, which it reads itself.
      return new GrpcExporter({ url });
    case "http/json":
      return new JsonExporter({ url, headers: { ...headers } });
    case "http/protobuf":
      return new ProtobufExporter({ url, headers: { ...headers } });
  }
}

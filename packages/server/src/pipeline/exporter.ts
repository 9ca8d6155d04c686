import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import { protocolOf, type TracingConfig, tracesUrl } from "@throughline/core";

/** The exporter for the protocol that is set, or that the endpoint's port means. */
export function createExporter(config: TracingConfig): SpanExporter {
  const url = tracesUrl(config);
  const headers = { ...config.headers };
  switch (protocolOf(config)) {
    case "grpc":
      // The headers reach it by OTEL_EXPORTER_OTLP_HEADERS, which it reads itself.
      return new GrpcExporter({ url });
    case "http/json":
      return new JsonExporter({ url, headers });
    case "http/protobuf":
      return new ProtobufExporter({ url, headers });
  }
}

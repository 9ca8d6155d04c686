import { protocolOf, type TracingConfig } from "@throughline/core";
import type { ServerConfig } from "../settings.ts";

export type Signal = "traces" | "metrics" | "logs";

/**
 * Where the ingest route posts the browser's data. Always HTTP: a collector that is set up for gRPC on 4317
 * answers HTTP on 4318 of the same host; any other port is taken to answer both.
 */
export function forwardUrl(config: TracingConfig, signal: Signal): string {
  const isGrpc = protocolOf(config) === "grpc";
  if (signal === "traces" && config.tracesEndpoint !== "" && !isGrpc) return config.tracesEndpoint;
  const url = new URL(config.endpoint);
  if (isGrpc && config.tracesEndpoint !== "") url.host = new URL(config.tracesEndpoint).host;
  if (isGrpc && url.port === "4317") url.port = "4318";
  return `${url.href.replace(/\/$/, "")}/v1/${signal}`;
}

const SIGNALS: readonly Signal[] = ["traces", "metrics", "logs"];

/** What exporters and the ingest route post to, whoever's they are; other requests to the same host are the app's. */
export function collectorUrls(config: ServerConfig): readonly string[] {
  const { endpoint, tracesEndpoint, logsEndpoint, metricsEndpoint } = config;
  const own = [tracesEndpoint, logsEndpoint, metricsEndpoint].filter((url) => url !== "");
  const usual = SIGNALS.flatMap((signal) => [`${endpoint}/v1/${signal}`, forwardUrl(config, signal)]);
  return [...new Set([...own, ...usual])];
}

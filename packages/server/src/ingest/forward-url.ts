import { logsTarget, metricsTarget, tracesTarget } from "../pipeline/signal-target.ts";
import type { ServerConfig } from "../settings.ts";

export type Signal = "traces" | "metrics" | "logs";

/** Where the ingest route posts the browser's data of a signal, and the headers that go along. */
export interface ForwardTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The signal's own endpoint, or the common one. Always HTTP: a collector that is set up for gRPC on 4317 answers HTTP
 * on 4318 of the same host; any other port is taken to answer both.
 */
export function forwardTarget(config: ServerConfig, signal: Signal): ForwardTarget {
  const { own, protocol, headers } = settingsOf(config, signal);
  if (own !== "" && protocol !== "grpc") return { url: own, headers };
  const url = new URL(own === "" ? config.endpoint : new URL(own).origin);
  if (protocol === "grpc" && url.port === "4317") url.port = "4318";
  return { url: `${url.href.replace(/\/$/, "")}/v1/${signal}`, headers };
}

function settingsOf(config: ServerConfig, signal: Signal) {
  switch (signal) {
    case "traces":
      return { ...tracesTarget(config), own: config.tracesEndpoint };
    case "metrics":
      return { ...metricsTarget(config), own: config.metricsEndpoint };
    case "logs":
      return { ...logsTarget(config), own: config.logsEndpoint };
  }
}

const SIGNALS: readonly Signal[] = ["traces", "metrics", "logs"];

/** What exporters and the ingest route post to, whoever's they are; other requests to the same host are the app's. */
export function collectorUrls(config: ServerConfig): readonly string[] {
  const { endpoint, tracesEndpoint, logsEndpoint, metricsEndpoint } = config;
  const own = [tracesEndpoint, logsEndpoint, metricsEndpoint].filter((url) => url !== "");
  const usual = SIGNALS.flatMap((signal) => [`${endpoint}/v1/${signal}`, forwardTarget(config, signal).url]);
  return [...new Set([...own, ...usual])];
}

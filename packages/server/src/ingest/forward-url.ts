import { logsTarget, metricsTarget, type SignalTarget, tracesTarget } from "../pipeline/signal-target.ts";
import type { ServerConfig } from "../settings.ts";

export type Signal = "traces" | "metrics" | "logs";

/** Where the browser's data of a signal goes: where the server's own goes. */
export function signalTarget(config: ServerConfig, signal: Signal): SignalTarget {
  switch (signal) {
    case "traces":
      return tracesTarget(config);
    case "metrics":
      return metricsTarget(config);
    case "logs":
      return logsTarget(config);
  }
}

const SIGNALS: readonly Signal[] = ["traces", "metrics", "logs"];

/** What exporters and the ingest route post to, whoever's they are; other requests to the same host are the app's. */
export function collectorUrls(config: ServerConfig): readonly string[] {
  const { endpoint, tracesEndpoint, logsEndpoint, metricsEndpoint } = config;
  const own = [tracesEndpoint, logsEndpoint, metricsEndpoint].filter((url) => url !== "");
  const usual = SIGNALS.flatMap((signal) => [`${endpoint}/v1/${signal}`, signalTarget(config, signal).url]);
  return [...new Set([...own, ...usual])];
}

import { grpcEndpoint, type OtlpProtocol, protocolOf, redactUrl, tracesUrl } from "@throughline/core";
import type { ServerConfig } from "../settings.ts";

/** Where a signal goes, and how. */
export interface SignalTarget {
  /** The signal's own endpoint as it stands, else `endpoint` with the signal's path (grpc: the endpoint itself). */
  readonly url: string;
  /** As set; without it, port 4317 means grpc and anything else http/protobuf. */
  readonly protocol: OtlpProtocol;
  readonly headers: Readonly<Record<string, string>>;
}

type LogSettings = Pick<ServerConfig, "endpoint" | "logsEndpoint" | "logsProtocol" | "logsHeaders">;
type MetricSettings = Pick<
  ServerConfig,
  "endpoint" | "metricsEndpoint" | "metricsProtocol" | "metricsHeaders"
>;

type TraceSettings = Pick<ServerConfig, "endpoint" | "tracesEndpoint" | "protocol" | "headers">;

export function tracesTarget(config: TraceSettings): SignalTarget {
  return { url: tracesUrl(config), protocol: protocolOf(config), headers: config.headers };
}

export function logsTarget({ endpoint, ...config }: LogSettings): SignalTarget {
  const { logsEndpoint: own, logsProtocol: protocol, logsHeaders: headers } = config;
  return { ...targetOf({ endpoint, own, protocol, path: "/v1/logs" }), headers };
}

export function metricsTarget({ endpoint, ...config }: MetricSettings): SignalTarget {
  const { metricsEndpoint: own, metricsProtocol: protocol, metricsHeaders: headers } = config;
  return { ...targetOf({ endpoint, own, protocol, path: "/v1/metrics" }), headers };
}

/** A collector's address as a log may have it: without the credentials that it may hold, and what is not sent. */
export function printUrl(text: string): string {
  const url = new URL(text);
  return url.username || url.password || url.search || url.hash ? redactUrl(url) : text;
}

interface SignalEndpoints {
  readonly endpoint: string;
  readonly own: string;
  readonly protocol: OtlpProtocol | "";
  readonly path: string;
}

function targetOf({ endpoint, own, protocol, path }: SignalEndpoints): Omit<SignalTarget, "headers"> {
  const byPort = new URL(own || endpoint).port === "4317" ? "grpc" : "http/protobuf";
  const chosen = protocol || byPort;
  return {
    url: own || (chosen === "grpc" ? grpcEndpoint({ endpoint }) : `${endpoint}${path}`),
    protocol: chosen,
  };
}

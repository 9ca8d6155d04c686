import type { Delivery } from "./app-answer.ts";
import type { Fault, FaultCode } from "./faults.ts";

/** By what Node.js, HTTP and gRPC say of a request that was not taken. */
const DELIVERY_FAULTS: readonly (readonly [code: FaultCode, pattern: RegExp])[] = [
  ["collector-slow", /^no answer within/],
  ["unauthorized", /^(gRPC status (7|16)|status 40[13])\b/],
  [
    "protocol-mix",
    /Parse Error|HPE_|Protocol error|ERR_HTTP2|^status 4(00|15)\b|^status 426\b|connection was closed|socket hang up/i,
  ],
  ["wrong-path", /^(gRPC status 12|status 40[45])\b/],
  ["certificate", /certificat|self[- ]signed|altname|unable to verify|SSL|EPROTO|PEM/i],
  [
    "collector-unreachable",
    /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|no connection/,
  ],
];

const DELIVERY_FIXES: Partial<Record<FaultCode, string>> = {
  "collector-slow": "Look whether it is overloaded, or a firewall swallows the connection",
  "protocol-mix":
    "4317 is the port of gRPC and 4318 of HTTP: correct the port in OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_PROTOCOL",
  "wrong-path":
    "OTEL_EXPORTER_OTLP_ENDPOINT takes the address before /v1/traces; OTEL_EXPORTER_OTLP_TRACES_ENDPOINT takes it whole",
  "collector-unreachable":
    "Start the collector there (npx throughline-collector), or correct host and port in OTEL_EXPORTER_OTLP_ENDPOINT",
};

/** Why a collector does not take what it is sent. */
export function deliveryFault({ of, url, protocol, outcome }: Delivery): Fault {
  const { reason, cure } = outcome as Exclude<Delivery["outcome"], { kind: "taken" }>;
  const [code] =
    DELIVERY_FAULTS.find(([, pattern]) => pattern.test(reason)) ?? (["collector-refuses"] as const);
  const whose = of === "browser" ? "the browser's spans, which the app hands on by HTTP" : "spans";
  return {
    code,
    message: `the collector at ${url} (${protocol}) does not take ${whose}: ${reason}`,
    fix: DELIVERY_FIXES[code] ?? (cure || "Look into the collector's log"),
  };
}

import type { SpanCounts } from "../pipeline/sending.ts";
import type { Delivery } from "./app-answer.ts";
import { broken, type Fault, type FaultCode, type Looks, notTold, type Verdict } from "./faults.ts";

/** Whether the collector takes what the app sends it. */
export function checkDelivery({ app: { account } }: Looks, of: Delivery["of"]): Verdict {
  if (account?.kind !== "told") return notTold(account);
  const { settings, exports } = account.answer;
  if (settings && !settings.exporters.includes("otlp"))
    return broken(
      "nothing-exported",
      `OTEL_TRACES_EXPORTER=${settings.exporters.join(",")} in the app: spans go to no collector`,
      "Unset it, or let it hold otlp",
    );
  const delivery = exports.find((each) => each.of === of);
  if (!delivery) return { skipped: "nothing is traced" };
  const { outcome, url, protocol, ms } = delivery;
  if (outcome.kind !== "taken") return { fault: deliveryFault(delivery, outcome) };
  const { counts } = account.answer;
  if (of === "browser" || !counts) return { ok: `${url} (${protocol}), ${ms} ms` };
  if (counts.sent === 0 && counts.rejected + counts.dropped > 0)
    return broken(
      "collector-refuses",
      `the collector at ${url} takes an empty request, and no span: ${printCounts(counts)}`,
      "Read what the app has warned of, below, and the collector's log",
    );
  return { ok: `${url} (${protocol}), ${ms} ms; ${printCounts(counts)}` };
}

/** A loss that is over leaves traces with holes, and the collector whole. */
function printCounts({ created, sent, rejected, dropped, waiting }: SpanCounts): string {
  return `of ${created} spans ${sent} sent, ${rejected} rejected, ${dropped} dropped, ${waiting} waiting`;
}

/** By what Node.js, HTTP and gRPC say of a request that was not taken. */
const DELIVERY_FAULTS: readonly (readonly [code: FaultCode, pattern: RegExp])[] = [
  ["collector-slow", /^no answer within/],
  ["unauthorized", /^(gRPC status (7|16)|status 40[13])\b/],
  ["wrong-path", /^(gRPC status 12|status 40[45])\b/],
  // Its own certificate is asked for.
  ["certificate", /alert (bad certificate|certificate|handshake failure|unknown ca)/i],
  [
    "protocol-mix",
    /Parse Error|HPE_|Protocol error|ERR_HTTP2|^status 4(15|26)\b|connection was closed|socket hang up|wrong version number|EPROTO/i,
  ],
  ["certificate", /certificat|self[- ]signed|altname|unable to verify|PEM/i],
  [
    "collector-unreachable",
    /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|no connection/,
  ],
];

const DELIVERY_FIXES: Partial<Record<FaultCode, string>> = {
  "collector-slow": "Look whether it is overloaded, or a firewall swallows the connection",
  "protocol-mix":
    "4317 is the port of gRPC and 4318 of HTTP: correct port and scheme (http or https) in OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_PROTOCOL",
  "wrong-path":
    "OTEL_EXPORTER_OTLP_ENDPOINT takes the address before /v1/traces; OTEL_EXPORTER_OTLP_TRACES_ENDPOINT takes it whole",
  "collector-unreachable":
    "Start the collector there (npx throughline-collector), or correct host and port in OTEL_EXPORTER_OTLP_ENDPOINT",
};

const OTHER_ENCODING =
  "It takes another encoding: set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf or http/json, whichever it names";

/** Why a collector does not take what it is sent. */
export function deliveryFault(
  { of, url, protocol }: Pick<Delivery, "of" | "url" | "protocol">,
  { reason, cure }: Exclude<Delivery["outcome"], { kind: "taken" }>,
): Fault {
  const isOtherServer = protocol === "grpc" && /^status 4(0[45]|15)\b/.test(reason);
  const [code] = isOtherServer
    ? (["protocol-mix"] as const)
    : (DELIVERY_FAULTS.find(([, pattern]) => pattern.test(reason)) ?? (["collector-refuses"] as const));
  const whose = of === "browser" ? "the browser's spans" : "spans";
  return {
    code,
    message: `the collector at ${url} (${protocol}) does not take ${whose}: ${reason}`,
    fix: !isOtherServer && /^status 415\b/.test(reason) ? OTHER_ENCODING : (DELIVERY_FIXES[code] ?? cure),
  };
}

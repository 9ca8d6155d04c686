import type { SecureContextOptions } from "node:tls";
import { scrub } from "@throughline/core";
import { REDACTED } from "../../secrets.ts";

/** What became of one batch. */
export type Outcome =
  | { readonly kind: "taken"; readonly rejected: number; readonly message: string }
  | {
      readonly kind: "later";
      readonly reason: string;
      readonly cure: string;
      /** As the collector asked. */
      readonly afterMs?: number | undefined;
      /** The collector was reached, so that this batch itself may be what it cannot take. */
      readonly reached: boolean;
    }
  | { readonly kind: "refused"; readonly reason: string; readonly cure: string };

/** Sends one export request; never rejects. */
export interface Sender {
  send(body: Uint8Array): Promise<Outcome>;
  /** Drops the connections; what is on its way fails. */
  close(): void;
}

export interface SenderOptions {
  readonly url: string;
  /** Path of the call, where the protocol is gRPC and the path of `url` does not count. */
  readonly rpc: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly compression: "gzip" | "none";
  /** For the whole of one request, from the connection to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly tls: Pick<SecureContextOptions, "ca" | "cert" | "key">;
}

/** Batches of one process that may be on their way together. */
export const MAX_LANES = 4;
/** Longest wait between two tries, and longest that a collector may ask for. */
export const MAX_RETRY_DELAY_MS = 30_000;
export const MAX_RETRY_AFTER_MS = 300_000;
/** No answer of a collector is longer; what is, is cut. */
export const MAX_ANSWER_BYTES: number = 64 * 1024;

const START_IT = "Start it or correct OTEL_EXPORTER_OTLP_ENDPOINT";

/** A connection that failed or an answer that did not come. */
export function notReached(error: unknown, reached = false): Outcome {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // An AggregateError, as of a name with two addresses, has no message of its own.
  // Of OpenSSL it ends with a line break.
  const reason = (error instanceof Error ? error.message.trim() || code : String(error)) || "no connection";
  const [, cure = START_IT] = CURES.find(([pattern]) => pattern.test(code)) ?? [];
  return { kind: "later", reason, cure, reached };
}

/** By the codes of Node.js: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CURES: readonly (readonly [code: RegExp, cure: string])[] = [
  [/_ALERT_/, "Correct OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY"],
  [/ALTNAME/, "Correct the host in OTEL_EXPORTER_OTLP_ENDPOINT to one that its certificate names"],
  [/EXPIRED|NOT_YET_VALID/, "Renew its certificate, or correct the clock"],
  [/CERT|SIGNATURE/, "Name the authority of its certificate in OTEL_EXPORTER_OTLP_CERTIFICATE"],
  [/^EPROTO$/, "Correct http or https in OTEL_EXPORTER_OTLP_ENDPOINT"],
  // Something else than HTTP answers, or another version of it.
  [
    /^(HPE|ERR_HTTP2)_/,
    "Correct port and scheme in OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_PROTOCOL: 4317 is gRPC's port, 4318 that of HTTP",
  ],
];

/** What a collector says of a refusal, without the key that it may repeat. */
export function withoutKeys(text: string, headers: SenderOptions["headers"]): string {
  const keys = Object.values(headers).flatMap((value) => [value, ...value.split(" ")]);
  const safe = keys
    .filter(({ length }) => length >= SHORTEST_KEY)
    .reduce((said, key) => said.replaceAll(key, REDACTED), text);
  return scrub(safe);
}

/** Shorter values are words. */
const SHORTEST_KEY = 6;

const CORRECT_PATH =
  "OTEL_EXPORTER_OTLP_ENDPOINT takes the address before /v1/traces, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and its like the whole of it";

/** What helps against an HTTP status. */
export function cureOfStatus(status: number): string {
  if (status === 401 || status === 403) return "Correct OTEL_EXPORTER_OTLP_HEADERS";
  if (status === 413) return "Lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE or raise the collector's limit";
  if (status === 404 || status === 405) return CORRECT_PATH;
  if (status === 400 || status === 415) return "Correct OTEL_EXPORTER_OTLP_PROTOCOL";
  if (status >= 500) return "Look into the collector's log";
  return "Correct OTEL_EXPORTER_OTLP_ENDPOINT";
}

import type { SecureContextOptions } from "node:tls";
import { scrub } from "@throughline/core";
import { REDACTED } from "../../secrets.ts";
import { firstLine } from "../otlp/read-answer.ts";

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
  // To node:http2 each stream of a connection that fails is cancelled; why it failed is the cause.
  const root = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = root instanceof Error && "code" in root ? String(root.code) : "";
  // An AggregateError, as of a name with two addresses, has no message of its own.
  const reason = firstLine(root instanceof Error ? root.message : String(root)) || code || "no connection";
  const [, cure = START_IT] = CURES.find(([pattern]) => pattern.test(code)) ?? [];
  return { kind: "later", reason, cure, reached };
}

/** What helps where something else than HTTP answers, or another version of it. */
export const CORRECT_PORT =
  "Correct port and scheme in OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_PROTOCOL: 4317 is gRPC's port, 4318 that of HTTP";

/** By the codes of Node.js: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CURES: readonly (readonly [code: RegExp, cure: string])[] = [
  [/_ALERT_/, "Correct OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY"],
  [/ALTNAME/, "Correct the host in OTEL_EXPORTER_OTLP_ENDPOINT to one that its certificate names"],
  [/EXPIRED|NOT_YET_VALID/, "Renew its certificate, or correct the clock"],
  [/CERT|SIGNATURE/, "Name the authority of its certificate in OTEL_EXPORTER_OTLP_CERTIFICATE"],
  [/^EPROTO$|WRONG_VERSION/, "Correct http or https in OTEL_EXPORTER_OTLP_ENDPOINT"],
  [/^(HPE_|ERR_HTTP2_ERROR$)/, CORRECT_PORT],
];

/** What a URL holds of them, as HTTP clients send it. */
export function credentialsOf(url: string): Readonly<Record<string, string>> {
  const { username, password } = new URL(url);
  if (!username && !password) return {};
  const credentials = `${decoded(username)}:${decoded(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
}

/** A URL may hold a `%` that stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What a collector says of a refusal, without the key that it may repeat. */
export function withoutKeys(text: string, { url, headers }: Pick<SenderOptions, "url" | "headers">): string {
  const { password } = new URL(url);
  const values = [...Object.values(headers), ...Object.values(credentialsOf(url))];
  // The first word of an `authorization` is the scheme.
  const keys = values.flatMap((value) => [value, ...value.split(" ").slice(1)]);
  const safe = [...keys, password, decoded(password)]
    .filter(({ length }) => length >= SHORTEST_KEY)
    // One may be the beginning of another.
    .sort((one, other) => other.length - one.length)
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

import { createSecureContext } from "node:tls";
import { context, ROOT_CONTEXT } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { errorText } from "../../error-text.ts";
import { readHostFile } from "../../read-host-file.ts";
import type { ServerConfig } from "../../settings.ts";
import type { SignalTarget } from "../signal-target.ts";
import { type Outcome, type Sender, type SenderOptions, withoutKeys } from "./sender.ts";

const RPC = {
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
  logs: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
} as const;

/** Of what a collector says; longer ones are pages. */
const MAX_TOLD = 220;

const MAX_PEM_BYTES = 1024 * 1024;

/**
 * What takes one signal of this process to its collector.
 * @throws when a certificate cannot be read or used.
 */
export function createSender(signal: keyof typeof RPC, target: SignalTarget, config: ServerConfig): Sender {
  const contentType = target.protocol === "http/json" ? "application/json" : "application/x-protobuf";
  return createForwardSender({ ...target, signal, contentType }, config);
}

/** Where a post of the browser goes, and what is in it. */
export interface ForwardTarget extends SignalTarget {
  readonly signal: keyof typeof RPC;
  /** Protobuf may be posted where JSON is set. */
  readonly contentType: string;
}

/**
 * What takes the browser's data on, with the certificates and compression of our own.
 * @throws when a certificate cannot be read or used.
 */
export function createForwardSender(
  { url, protocol, headers, signal, contentType }: ForwardTarget,
  config: ServerConfig,
): Sender {
  return openWhenUsed(protocol === "grpc", {
    ...connectionOf(config),
    url,
    rpc: RPC[signal],
    headers,
    contentType,
  });
}

/** HTTP/2 and zlib are loaded with the first batch: a start pays for nothing it does not use. */
function openWhenUsed(isGrpc: boolean, options: SenderOptions): Sender {
  const open = async (): Promise<Sender> =>
    isGrpc
      ? (await import("./grpc-sender.ts")).createGrpcSender(options)
      : (await import("./http-sender.ts")).createHttpSender(options);
  let opening: Promise<Sender> | undefined;
  // For the instruments of others that listen to Node's own channels; ours do not see these requests.
  const unseen = suppressTracing(ROOT_CONTEXT);
  return {
    send: (body): Promise<Outcome> =>
      context.with(unseen, async () => {
        opening ??= open();
        const outcome = await (await opening).send(body);
        return told(outcome, options);
      }),
    close: () => {
      opening?.then(
        (sender) => sender.close(),
        () => undefined,
      );
    },
  };
}

function told(outcome: Outcome, options: SenderOptions): Outcome {
  // Before the keys are out a cut could leave a part of one.
  const print = (text: string): string => cut(withoutKeys(text, options));
  if (outcome.kind !== "taken") return { ...outcome, reason: print(outcome.reason) };
  return outcome.message === "" ? outcome : { ...outcome, message: print(outcome.message) };
}

function cut(text: string): string {
  return text.length > MAX_TOLD ? `${text.slice(0, MAX_TOLD)}…` : text;
}

function connectionOf(config: ServerConfig): Pick<SenderOptions, "compression" | "timeoutMs" | "tls"> {
  return { compression: config.compression, timeoutMs: config.exportTimeoutMs, tls: readTls(config) };
}

function readTls(config: ServerConfig): SenderOptions["tls"] {
  const { certificate, clientCertificate, clientKey } = config;
  const tls = {
    ...(certificate && { ca: readPem(certificate, "OTEL_EXPORTER_OTLP_CERTIFICATE") }),
    ...(clientCertificate && { cert: readPem(clientCertificate, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE") }),
    ...(clientKey && { key: readPem(clientKey, "OTEL_EXPORTER_OTLP_CLIENT_KEY") }),
  };
  try {
    if (Object.keys(tls).length > 0) createSecureContext(tls);
  } catch (error) {
    throw new Error(
      `OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY: ${errorText(error)}. Name files in PEM form, a key that belongs to its certificate`,
    );
  }
  return tls;
}

function readPem(path: string, variable: string): string {
  try {
    return readHostFile(path, MAX_PEM_BYTES);
  } catch (error) {
    throw new Error(
      `${variable}=${JSON.stringify(path)} cannot be read: ${errorText(error)}. Correct or unset it`,
    );
  }
}

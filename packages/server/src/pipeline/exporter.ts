import { context, ROOT_CONTEXT } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { protocolOf, tracesUrl } from "@throughline/core";
import { print, say, sayRarely } from "../log.ts";
import { readHostFile } from "../read-host-file.ts";
import type { ServerConfig, TracesExporter } from "../settings.ts";
import { createBatchProcessor } from "./batch-processor.ts";
import { combine } from "./combine.ts";
import { createConsoleProcessor } from "./console-processor.ts";
import type { Outcome, Sender, SenderOptions } from "./delivery/sender.ts";
import { createJsonEncoder } from "./otlp/encode-json.ts";
import { createProtobufEncoder } from "./otlp/encode-protobuf.ts";
import type { SpanCounts } from "./sending.ts";

export interface Exporting {
  /** The end of the line: what takes each ended span. */
  readonly processor: SpanProcessor;
  /** What became of the spans that go to the collector. */
  counts(): SpanCounts;
}

const MAX_PEM_BYTES = 1024 * 1024;
const NOTHING: SpanCounts = { created: 0, sent: 0, rejected: 0, dropped: 0, waiting: 0 };

/**
 * Takes ended spans to where OTEL_TRACES_EXPORTER says.
 * @throws when a certificate cannot be read.
 */
export function createExporting(config: ServerConfig): Exporting {
  const batches = config.tracesExporters.includes("otlp") ? createOtlp(config) : undefined;
  const printing = config.tracesExporters.includes("console") ? createConsoleProcessor(print) : undefined;
  return {
    processor: combine([batches, printing].filter((each) => each !== undefined)),
    counts: () => batches?.counts() ?? NOTHING,
  };
}

/** Where spans go, as the boot line says it. */
export function printDestination(config: ServerConfig): string {
  const printed: Record<TracesExporter, string> = {
    otlp: `${tracesUrl(config)} (${protocolOf(config)})`,
    console: "the console",
    none: "nowhere (OTEL_TRACES_EXPORTER=none)",
  };
  return config.tracesExporters.map((each) => printed[each]).join(" and ");
}

function createOtlp(config: ServerConfig): ReturnType<typeof createBatchProcessor> {
  const protocol = protocolOf(config);
  const encoder = protocol === "http/json" ? createJsonEncoder() : createProtobufEncoder();
  const sender = openWhenUsed(protocol === "grpc", {
    url: tracesUrl(config),
    headers: config.headers,
    contentType: encoder.contentType,
    compression: config.compression,
    timeoutMs: config.exportTimeoutMs,
    tls: readTls(config),
  });
  return createBatchProcessor({
    encoder,
    send: sender.send,
    close: sender.close,
    warn: sayRarely(60_000),
    inform: (text) => say("info", text),
    where: tracesUrl(config),
    delayMs: config.batchDelayMs,
    maxBatchSpans: config.maxBatchSpans,
    queueMaxBytes: config.queueMaxBytes,
  });
}

/** HTTP/2 and zlib are loaded with the first batch: a start pays for nothing it does not use. */
function openWhenUsed(isGrpc: boolean, options: SenderOptions): Sender {
  const open = async (): Promise<Sender> =>
    isGrpc
      ? (await import("./delivery/grpc-sender.ts")).createGrpcSender(options)
      : (await import("./delivery/http-sender.ts")).createHttpSender(options);
  let opening: Promise<Sender> | undefined;
  // For the instruments of others that listen to Node's own channels; ours do not see these requests.
  const unseen = suppressTracing(ROOT_CONTEXT);
  return {
    send: (body): Promise<Outcome> =>
      context.with(unseen, async () => {
        opening ??= open();
        return (await opening).send(body);
      }),
    close: () => {
      opening?.then(
        (sender) => sender.close(),
        () => undefined,
      );
    },
  };
}

function readTls(config: ServerConfig): SenderOptions["tls"] {
  const { certificate, clientCertificate, clientKey } = config;
  return {
    ...(certificate && { ca: readPem(certificate, "OTEL_EXPORTER_OTLP_CERTIFICATE") }),
    ...(clientCertificate && { cert: readPem(clientCertificate, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE") }),
    ...(clientKey && { key: readPem(clientKey, "OTEL_EXPORTER_OTLP_CLIENT_KEY") }),
  };
}

function readPem(path: string, variable: string): string {
  try {
    return readHostFile(path, MAX_PEM_BYTES);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${variable}=${JSON.stringify(path)} cannot be read: ${reason}. Correct or unset it`);
  }
}

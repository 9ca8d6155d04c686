import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { print } from "../log.ts";
import type { ServerConfig } from "../settings.ts";
import type { TracesExporter } from "../settings-table.ts";
import { createBatchProcessor } from "./batch-processor.ts";
import { combine } from "./combine.ts";
import { createConsoleProcessor } from "./console-processor.ts";
import { createSender } from "./delivery/create-sender.ts";
import { createJsonEncoder } from "./otlp/encode-json.ts";
import { createProtobufEncoder } from "./otlp/encode-protobuf.ts";
import type { SpanCounts } from "./sending.ts";
import { printUrl, tracesTarget } from "./signal-target.ts";
import type { Troubles } from "./troubles.ts";

export interface Exporting {
  /** The end of the line: what takes each ended span. */
  readonly processor: SpanProcessor;
  /** What became of the spans that go to the collector. */
  counts(): SpanCounts;
  /** Whether the collector's `Retry-After` is not over. */
  isAskedToWait(): boolean;
}

const NOTHING: SpanCounts = { created: 0, sent: 0, rejected: 0, dropped: 0, waiting: 0 };

/**
 * Takes ended spans to where OTEL_TRACES_EXPORTER says.
 * @throws when a certificate cannot be read.
 */
export function createExporting(config: ServerConfig, troubles: Troubles): Exporting {
  const batches = config.tracesExporters.includes("otlp") ? createOtlp(config, troubles) : undefined;
  const printing = config.tracesExporters.includes("console") ? createConsoleProcessor(print) : undefined;
  return {
    processor: combine([batches, printing].filter((each) => each !== undefined)),
    counts: () => batches?.counts() ?? NOTHING,
    isAskedToWait: () => batches?.isAskedToWait() ?? false,
  };
}

/** Where spans go, as the boot line says it. */
export function printDestination(config: ServerConfig): string {
  const { url, protocol } = tracesTarget(config);
  const printed: Record<TracesExporter, string> = {
    otlp: `${printUrl(url)} (${protocol})`,
    console: "the console",
    none: "nowhere (OTEL_TRACES_EXPORTER=none)",
  };
  return config.tracesExporters.map((each) => printed[each]).join(" and ");
}

function createOtlp(config: ServerConfig, troubles: Troubles): ReturnType<typeof createBatchProcessor> {
  const target = tracesTarget(config);
  const encoder = target.protocol === "http/json" ? createJsonEncoder() : createProtobufEncoder();
  const sender = createSender("traces", target, config);
  return createBatchProcessor({
    encoder,
    send: sender.send,
    close: sender.close,
    trouble: troubles.open(),
    where: printUrl(target.url),
    delayMs: config.batchDelayMs,
    maxBatchSpans: config.maxBatchSpans,
    queueMaxBytes: config.queueMaxBytes,
  });
}

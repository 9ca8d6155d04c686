import { format } from "node:util";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { type AnyValue, type AnyValueMap, type LogRecord, logs } from "@opentelemetry/api-logs";
import { JsonLogsSerializer, ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer";
import type { Resource } from "@opentelemetry/resources";
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
  type LogRecordProcessor,
  type ReadableLogRecord,
} from "@opentelemetry/sdk-logs";
import { EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE } from "@throughline/core/attributes";
import { warnOfFailure } from "../log.ts";
import { createSender } from "../pipeline/delivery/create-sender.ts";
import { createSignalExporter, type SignalExporter } from "../pipeline/signal-exporter.ts";
import { logsTarget, printUrl } from "../pipeline/signal-target.ts";
import type { Troubles } from "../pipeline/troubles.ts";
import { isPlainObject } from "../plain-object.ts";
import { flusherOf, processState } from "../process-state.ts";
import type { ServerConfig } from "../settings.ts";
import { activeContext } from "../spans/current-context.ts";
import type { LogLine } from "./log-line.ts";
import { redactLogs } from "./redact-logs.ts";

/** Of one batch, with its waits; meanwhile the next lines wait in the SDK's queue. */
const EXPORT_TIMEOUT_MS = 60_000;
/** Lines; what comes on top of them is dropped, and told. */
const MAX_WAITING = 8192;
/** Of a wait; the try after it may take as long as a time-out. */
const PATIENCE_MS = 25_000;

/**
 * Sends what the loggers hand to this process to the collector. The provider is global too, for instrumentations that
 * export logs by themselves.
 */
export function startLogExport(
  config: ServerConfig,
  resource: Resource,
  troubles: Troubles,
): { stop(): Promise<void> } {
  const exporter = createLogExporter(config, troubles);
  const provider = new LoggerProvider({
    resource,
    processors: [redactLogs, createBatches(exporter, config, troubles)],
  });
  logs.setGlobalLoggerProvider(provider);
  const logger = provider.getLogger("@throughline/server");
  const state = processState();
  const exportLog = (line: LogLine): void => {
    try {
      logger.emit(recordOf(line));
    } catch (error) {
      // A getter of the app's own that throws must not reach the line of code that logs.
      warnOfFailure("a line of the log was not exported", error, "The logger has written it as always");
    }
  };
  const flush = flusherOf(exporter.isAskedToWait, () => exporter.hurry(() => provider.forceFlush()));
  state.exportLog = exportLog;
  state.flushers.add(flush);
  return {
    async stop() {
      if (state.exportLog === exportLog) state.exportLog = undefined;
      state.flushers.delete(flush);
      await exporter.hurry(() => provider.shutdown()).catch(() => undefined);
      logs.disable();
    },
  };
}

/** The SDK drops what it has no room for without a word. */
function createBatches(
  exporter: LogRecordExporter,
  config: ServerConfig,
  troubles: Troubles,
): LogRecordProcessor {
  const trouble = troubles.open();
  let waiting = 0;
  let dropped = 0;
  const batches = new BatchLogRecordProcessor({
    exporter: {
      ...exporter,
      export(records, done): void {
        waiting -= records.length;
        exporter.export(records, done);
      },
    },
    maxQueueSize: MAX_WAITING,
    scheduledDelayMillis: config.batchDelayMs,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  });
  return {
    onEmit(record): void {
      if (waiting < MAX_WAITING) {
        waiting += 1;
        batches.onEmit(record);
        return;
      }
      dropped += 1;
      trouble.warn(
        `lines of the log are not exported (${dropped} so far): ${MAX_WAITING} wait for ${printUrl(logsTarget(config).url)} already. Check that the collector runs and takes logs; the loggers have written them as always.`,
      );
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}

function recordOf({ severity, body, attributes, unixMs, span, error }: LogLine): LogRecord {
  return {
    severityNumber: severity[0],
    severityText: severity[1],
    body: typeof body === "string" ? body : format(...body),
    attributes: { ...(attributesOf(attributes) as AnyValueMap), ...exceptionOf(error) },
    context: span ? trace.setSpanContext(ROOT_CONTEXT, span) : activeContext(),
    ...(unixMs !== undefined && { timestamp: unixMs }),
  };
}

function createLogExporter(
  config: ServerConfig,
  troubles: Troubles,
): LogRecordExporter & SignalExporter<ReadableLogRecord[]> {
  const target = logsTarget(config);
  const serializer = target.protocol === "http/json" ? JsonLogsSerializer : ProtobufLogsSerializer;
  return createSignalExporter({
    sender: createSender("logs", target, config),
    patienceMs: PATIENCE_MS,
    serialize: (records: ReadableLogRecord[]) => serializer.serializeRequest(records),
    trouble: troubles.open(),
    countOf: (records) => records.length,
    print: (lost, reason) =>
      `${lost} lines of the log since the start did not reach ${printUrl(target.url)}: ${reason}. Check that the collector runs and takes logs, or unset OTEL_LOGS_EXPORTER.`,
  });
}

const MAX_DEPTH = 4;
/** Of a line, however deep: whoever logs a request object would hold up every other request. */
const MAX_MEMBERS = 1000;

/** What a log attribute may hold; anything else as a text. */
function attributesOf(value: unknown, room = { left: MAX_MEMBERS }, depth = 0): AnyValue {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value !== "object" || depth > MAX_DEPTH || isOpaque(value)) return textOf(value);
  if (Array.isArray(value)) return take(value, room).map((one) => attributesOf(one, room, depth + 1));
  if (value instanceof Set) return attributesOf([...value], room, depth);
  const entries = entriesOf(value);
  // A URL: what it holds is not among its members.
  if (entries.length === 0 && !isPlainObject(value)) return textOf(value);
  return Object.fromEntries(
    take(entries, room).map(([key, one]) => [key, attributesOf(one, room, depth + 1)]),
  );
}

/** As many as there is room for. */
function take<T>(members: readonly T[], room: { left: number }): readonly T[] {
  const taken = members.slice(0, room.left);
  room.left -= taken.length;
  return taken;
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  const isPairs =
    value instanceof Map ||
    value instanceof URLSearchParams ||
    value instanceof Headers ||
    value instanceof FormData;
  return isPairs ? [...value].map(([key, one]) => [String(key), one]) : Object.entries(value);
}

/** Of which the members are not what it says, or far too many. */
function isOpaque(value: object): boolean {
  return value instanceof Date || value instanceof Error || ArrayBuffer.isView(value);
}

function textOf(value: unknown): string {
  return value instanceof Date ? value.toISOString() : format(value);
}

/** Of an Error, or of what a logger's serializer made of one. */
function exceptionOf(error: unknown): AnyValueMap {
  if (typeof error !== "object" || error === null) return {};
  const { name, type, message, stack } = error as Readonly<Record<string, unknown>>;
  const kind = type ?? name;
  return {
    ...(typeof kind === "string" && { [EXCEPTION_TYPE]: kind }),
    ...(typeof message === "string" && { [EXCEPTION_MESSAGE]: message }),
    ...(typeof stack === "string" && { [EXCEPTION_STACKTRACE]: stack }),
  };
}

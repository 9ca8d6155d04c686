import {
  knownWords,
  type OtlpProtocol,
  parseBoolean,
  parseExactUrl,
  parseHeaders,
  parseInteger,
  parseOneOf,
  parseText,
  parseWords,
  type Setting,
  type SettingsTable,
  type TracingConfig,
  tracingSettings,
  type WhenBad,
} from "@throughline/core";
import { MODES, type Mode } from "./register-options.ts";

/** {@link TracingConfig} plus what only the server needs. */
export interface ServerSettings extends TracingConfig {
  /** Opens `POST <ingest>/flush` to test runs, and outside of development `/doctor` to `throughline doctor`; empty: closed. */
  readonly flushToken: string;
  /** Bytes of the largest post the ingest route takes, after decompression. */
  readonly ingestMaxBytes: number;
  /** Where ended spans go: `otlp`, `console`, or `none`, which still continues traces and hands them on. */
  readonly tracesExporters: readonly TracesExporter[];
  /** `gzip` packs what is sent: about a tenth of the bytes, for some CPU time. */
  readonly compression: "gzip" | "none";
  /** Milliseconds for one export request, from the connection to the last byte of the answer. */
  readonly exportTimeoutMs: number;
  /** Path of the PEM file with the authorities that may have signed the collector's certificate; empty: Node's own. */
  readonly certificate: string;
  /** Path of the PEM file with this process's certificate for the collector. */
  readonly clientCertificate: string;
  /** Path of the PEM file with the key of `clientCertificate`. */
  readonly clientKey: string;
  /** This many spans leave at once, and no more together. */
  readonly maxBatchSpans: number;
  /** Bytes for spans that wait or are being sent; beyond it whole traces are dropped. */
  readonly queueMaxBytes: number;
  /** What is told about process, host and platform; `all`, `none`, or some of the names. */
  readonly resourceDetectors: readonly ResourceDetector[];
  /** Beside another tracer; empty: nothing was said. */
  readonly mode: Mode | "";
  /** How much OpenTelemetry's parts tell about themselves on the console. */
  readonly diagnosticsLevel: DiagnosticsLevel;
  /** Decides the default share of kept traces. */
  readonly nodeEnv: string;
  /** `otlp` sends what the loggers write to the collector too. */
  readonly logsExporter: "none" | "otlp";
  /** Full URL for logs; empty: derived from `endpoint`. */
  readonly logsEndpoint: string;
  /** As `OTEL_EXPORTER_OTLP_PROTOCOL`, for logs. */
  readonly logsProtocol: OtlpProtocol | "";
  /** Sent with every export of logs. */
  readonly logsHeaders: Readonly<Record<string, string>>;
  /** CPU, memory, event loop, garbage collection and request durations as metrics. */
  readonly metricsEnabled: boolean;
  /** Milliseconds from one export of metrics to the next. */
  readonly metricsIntervalMs: number;
  /** Full URL for metrics; empty: derived from `endpoint`. */
  readonly metricsEndpoint: string;
  /** As `OTEL_EXPORTER_OTLP_PROTOCOL`, for metrics. */
  readonly metricsProtocol: OtlpProtocol | "";
  /** Sent with every export of metrics. */
  readonly metricsHeaders: Readonly<Record<string, string>>;
  /** Whether counters and histograms tell all since the start, or what is new since the last export (`delta`). */
  readonly metricsTemporality: MetricsTemporality;
  /** Attributes of a span, an event or a link; what is more is counted as dropped. */
  readonly attributeCountLimit: number;
  /** Characters of a text in an attribute. */
  readonly attributeLengthLimit: number;
  /** Events of a span; what is more is counted as dropped. */
  readonly eventCountLimit: number;
  /** Links of a span; what is more is counted as dropped. */
  readonly linkCountLimit: number;
}

export type MetricsTemporality = "cumulative" | "delta" | "lowmemory";

const DIAGNOSTICS = ["none", "error", "warn", "info", "debug", "verbose", "all"] as const;
export type DiagnosticsLevel = (typeof DIAGNOSTICS)[number];

const DETECTORS = [
  "all",
  "none",
  // OTEL_RESOURCE_ATTRIBUTES, which always counts; the word is taken because other SDKs want it.
  "env",
  "process",
  "host",
  "os",
  "container",
  "vercel",
  "kubernetes",
  "serviceinstance",
] as const;
export type ResourceDetector = (typeof DETECTORS)[number];

const LOGS = addressOf("LOGS", "no logs");
const METRICS = addressOf("METRICS", "no metrics");

export const serverSettings: SettingsTable<ServerSettings> = {
  ...tracingSettings,
  flushToken: { env: ["THROUGHLINE_FLUSH_TOKEN"], parse: parseText, fallback: "" },
  ingestMaxBytes: {
    env: ["THROUGHLINE_INGEST_MAX_BYTES"],
    parse: parseInteger(1, 64 * 1024 * 1024),
    fallback: 1024 * 1024,
    whenBad: "unset",
  },
  tracesExporters: { env: ["OTEL_TRACES_EXPORTER"], parse: parseExporters, fallback: ["otlp"] },
  compression: {
    env: ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"],
    parse: parseOneOf<"gzip" | "none">("gzip", "none"),
    fallback: "none",
    whenBad: "unset",
  },
  exportTimeoutMs: {
    env: ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    parse: parseInteger(1, 600_000),
    fallback: 10_000,
    whenBad: "unset",
  },
  certificate: {
    env: ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
    parse: parseText,
    fallback: "",
  },
  clientCertificate: {
    env: ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"],
    parse: parseText,
    fallback: "",
  },
  clientKey: {
    env: ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
    parse: parseText,
    fallback: "",
  },
  maxBatchSpans: {
    env: ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"],
    parse: parseInteger(1, 10_000),
    fallback: 512,
    whenBad: "unset",
  },
  queueMaxBytes: {
    env: ["THROUGHLINE_QUEUE_MAX_BYTES"],
    parse: parseInteger(64 * 1024, 1024 * 1024 * 1024),
    fallback: 32 * 1024 * 1024,
    whenBad: "unset",
  },
  resourceDetectors: {
    env: ["OTEL_NODE_RESOURCE_DETECTORS"],
    parse: parseWords(...DETECTORS),
    fallback: ["all"],
    whenBad: "unset",
    salvage: knownWords(...DETECTORS),
  },
  mode: { env: ["THROUGHLINE_MODE"], parse: parseOneOf<Mode>(...MODES), fallback: "" },
  diagnosticsLevel: {
    env: ["OTEL_LOG_LEVEL"],
    parse: parseOneOf(...DIAGNOSTICS),
    fallback: "none",
    whenBad: "unset",
  },
  nodeEnv: { env: ["NODE_ENV"], parse: parseText, fallback: "" },
  logsExporter: {
    env: ["OTEL_LOGS_EXPORTER"],
    parse: parseOneOf("none", "otlp"),
    fallback: "none",
    whenBad: "unset",
  },
  logsEndpoint: LOGS.endpoint,
  logsProtocol: LOGS.protocol,
  logsHeaders: LOGS.headers,
  metricsEnabled: { env: ["OTEL_METRICS_ENABLED"], parse: parseBoolean, fallback: false, whenBad: "unset" },
  metricsIntervalMs: {
    env: ["OTEL_METRIC_EXPORT_INTERVAL"],
    parse: parseInteger(100, 3_600_000),
    fallback: 60_000,
    whenBad: "unset",
  },
  metricsEndpoint: METRICS.endpoint,
  metricsProtocol: METRICS.protocol,
  metricsHeaders: METRICS.headers,
  metricsTemporality: {
    env: ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"],
    parse: parseOneOf<MetricsTemporality>("cumulative", "delta", "lowmemory"),
    fallback: "cumulative",
    whenBad: "unset",
  },
  attributeCountLimit: {
    env: ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"],
    parse: parseInteger(0, 1_000_000),
    fallback: 128,
    whenBad: "unset",
  },
  attributeLengthLimit: {
    env: ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
    parse: parseInteger(1, 1_000_000_000),
    fallback: Number.POSITIVE_INFINITY,
    whenBad: "unset",
  },
  eventCountLimit: {
    env: ["OTEL_SPAN_EVENT_COUNT_LIMIT"],
    parse: parseInteger(0, 1_000_000),
    fallback: 128,
    whenBad: "unset",
  },
  linkCountLimit: {
    env: ["OTEL_SPAN_LINK_COUNT_LIMIT"],
    parse: parseInteger(0, 1_000_000),
    fallback: 128,
    whenBad: "unset",
  },
};

const EXPORTERS = ["otlp", "console", "none"] as const;
export type TracesExporter = (typeof EXPORTERS)[number];

function parseExporters(text: string): readonly TracesExporter[] {
  const exporters = parseWords(...EXPORTERS)(text);
  if (exporters.includes("none") && exporters.length > 1) throw new Error("expected none to stand alone");
  return exporters;
}

/** Where a signal goes that is not the traces, as whom, and how it is written. */
function addressOf(signal: "LOGS" | "METRICS", whenBad: WhenBad) {
  const endpoint: Setting<string> = {
    env: [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`],
    parse: parseExactUrl,
    fallback: "",
    whenBad,
  };
  const protocol: Setting<OtlpProtocol | ""> = {
    env: [`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, "OTEL_EXPORTER_OTLP_PROTOCOL"],
    parse: parseOneOf<OtlpProtocol>("grpc", "http/protobuf", "http/json"),
    fallback: "",
    whenBad,
  };
  const headers: Setting<Readonly<Record<string, string>>> = {
    env: [`OTEL_EXPORTER_OTLP_${signal}_HEADERS`, "OTEL_EXPORTER_OTLP_HEADERS"],
    parse: parseHeaders,
    isSecret: true,
    fallback: {},
    whenBad,
  };
  return { endpoint, protocol, headers };
}

import { DEFAULT_INGEST_PATH } from "./attributes.ts";
import {
  type Env,
  type Given,
  parseBaseUrl,
  parseBoolean,
  parseExactUrl,
  parseHeaders,
  parseInteger,
  parseKeyValues,
  parseOneOf,
  parseRatio,
  parseText,
  parseWords,
  readSettings,
  type SettingsTable,
} from "./settings.ts";

export type OtlpProtocol = "grpc" | "http/protobuf" | "http/json";

/** What a traced process needs to know; names and precedence follow the OTEL_* variables. */
export interface TracingConfig {
  /** `true` turns tracing on. */
  readonly enabled: boolean;
  /** `true` turns tracing off, whatever else is set. */
  readonly sdkDisabled: boolean;
  /** `service.name`; empty: the name in package.json. */
  readonly serviceName: string;
  /** Base URL of the collector, without `/v1/traces`. */
  readonly endpoint: string;
  /** Full URL for traces; empty: derived from `endpoint`. */
  readonly tracesEndpoint: string;
  /** Empty: by the endpoint's port, 4317 means grpc, anything else http/protobuf. */
  readonly protocol: OtlpProtocol | "";
  /** Sent with every export, from the server only. */
  readonly headers: Readonly<Record<string, string>>;
  /** Which new traces are kept; empty: `parentbased_traceidratio`. */
  readonly sampler: SamplerName | "";
  /** Share of new traces that are kept; where nothing was said (-1 in code) 0.1 in production, 1 otherwise. */
  readonly sampleRatio: number;
  /** What every span says about its process, over all that was detected. */
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** `tracecontext`, `baggage`, or `none`: what requests carry on. */
  readonly propagators: readonly string[];
  /** Milliseconds that spans wait for more before they are sent. */
  readonly batchDelayMs: number;
  /** Where the browser posts its spans, a path of the app. */
  readonly ingestPath: string;
}

const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

export const DEFAULT_ENDPOINT = "http://localhost:4318";
const DEFAULT_GRPC_ENDPOINT = "http://localhost:4317";

export const tracingSettings: SettingsTable<TracingConfig> = {
  enabled: { env: ["OTEL_ENABLED"], parse: parseBoolean, fallback: false },
  sdkDisabled: { env: ["OTEL_SDK_DISABLED"], parse: parseBoolean, fallback: false },
  serviceName: { env: ["OTEL_SERVICE_NAME"], parse: parseText, fallback: "" },
  endpoint: { env: ["OTEL_EXPORTER_OTLP_ENDPOINT"], parse: parseBaseUrl, fallback: DEFAULT_ENDPOINT },
  tracesEndpoint: { env: ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], parse: parseExactUrl, fallback: "" },
  protocol: {
    env: ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
    parse: parseOneOf<OtlpProtocol>("grpc", "http/protobuf", "http/json"),
    fallback: "",
  },
  headers: {
    env: ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    parse: parseHeaders,
    isSecret: true,
    fallback: {},
  },
  sampler: { env: ["OTEL_TRACES_SAMPLER"], parse: parseOneOf(...SAMPLERS), fallback: "" },
  sampleRatio: { env: ["OTEL_TRACES_SAMPLER_ARG"], parse: parseRatio, fallback: -1 },
  resourceAttributes: {
    env: ["OTEL_RESOURCE_ATTRIBUTES"],
    parse: parseKeyValues,
    fallback: {},
    whenBad: "unset",
  },
  propagators: {
    env: ["OTEL_PROPAGATORS"],
    parse: parseWords("tracecontext", "baggage", "none"),
    fallback: ["tracecontext", "baggage"],
  },
  // OpenTelemetry's default is 5000: too long for somebody who waits for a trace in the viewer.
  batchDelayMs: {
    env: ["OTEL_BSP_SCHEDULE_DELAY"],
    parse: parseInteger(0, 3_600_000),
    fallback: 1_000,
    whenBad: "unset",
  },
  ingestPath: { env: ["THROUGHLINE_INGEST_PATH"], parse: parsePath, fallback: DEFAULT_INGEST_PATH },
};

/**
 * The settings of a traced process: option, else environment, else fallback.
 * @throws SettingsError with every problem at once.
 */
export function readTracingConfig(given: Given<TracingConfig>, env: Env): TracingConfig {
  return readSettings(tracingSettings, given, env);
}

/** Where traces go: `tracesEndpoint` as it stands, else `endpoint` + `/v1/traces` (grpc: the endpoint itself). */
export function tracesUrl(config: Pick<TracingConfig, "endpoint" | "tracesEndpoint" | "protocol">): string {
  if (config.tracesEndpoint !== "") return config.tracesEndpoint;
  return protocolOf(config) === "grpc" ? grpcEndpoint(config) : `${config.endpoint}/v1/traces`;
}

/** The endpoint for grpc, which has a default of its own: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ */
export function grpcEndpoint({ endpoint }: Pick<TracingConfig, "endpoint">): string {
  return endpoint === DEFAULT_ENDPOINT ? DEFAULT_GRPC_ENDPOINT : endpoint;
}

/** The protocol as set; without one, port 4317 means grpc and anything else http/protobuf. */
export function protocolOf(
  config: Pick<TracingConfig, "endpoint" | "tracesEndpoint" | "protocol">,
): OtlpProtocol {
  if (config.protocol !== "") return config.protocol;
  return new URL(config.tracesEndpoint || config.endpoint).port === "4317" ? "grpc" : "http/protobuf";
}

function parsePath(text: string): string {
  if (/^\/[^?#\s]*$/.test(text)) return text.replace(/\/$/, "");
  throw new Error('expected a path such as "/api/tl"');
}

import { expect, test } from "vitest";
import { logsTarget, metricsTarget } from "./pipeline/signal-target.ts";
import { readServerConfig, sampleRatioOf, spanLimitsOf } from "./settings.ts";
import { VERSION } from "./version.ts";

function read(env: Record<string, string>) {
  const warnings: string[] = [];
  return { config: readServerConfig({}, (text) => warnings.push(text), env), warnings };
}

test("nothing is on and nothing is said without OTEL_ENABLED, however wrong the rest is", () => {
  expect(read({ OTEL_TRACES_SAMPLER_ARG: "many" })).toEqual({ config: undefined, warnings: [] });
  expect(read({ OTEL_ENABLED: "false", OTEL_TRACES_SAMPLER_ARG: "many" }).warnings).toEqual([]);
});

test("OTEL_SDK_DISABLED wins over OTEL_ENABLED", () => {
  expect(read({ OTEL_ENABLED: "true", OTEL_SDK_DISABLED: "true" })).toEqual({
    config: undefined,
    warnings: [],
  });
});

test("every bad value is named in one warning with its cure, and tracing stays off", () => {
  const { config, warnings } = read({
    OTEL_ENABLED: "true",
    OTEL_TRACES_SAMPLER_ARG: "150%",
    OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318",
    THROUGHLINE_INGEST_MAX_BYTES: "much",
  });
  expect(config).toBeUndefined();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain('OTEL_TRACES_SAMPLER_ARG="150%"');
  expect(warnings[0]).toContain('OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318"');
  expect(warnings[0]).toContain('THROUGHLINE_INGEST_MAX_BYTES="much"');
  expect(warnings[0]).toContain("the app runs without it");
});

test("a variable that holds for traces, logs and metrics is told once", () => {
  const { warnings } = read({ OTEL_ENABLED: "true", OTEL_EXPORTER_OTLP_PROTOCOL: "http" });
  expect(warnings[0]?.match(/OTEL_EXPORTER_OTLP_PROTOCOL="http"/g)).toHaveLength(1);
});

test("a propagator that is not built in is refused instead of dropped", () => {
  const { warnings } = read({
    OTEL_ENABLED: "true",
    OTEL_PROPAGATORS: "tracecontext,b3,jaeger",
    OTEL_NODE_RESOURCE_DETECTORS: "host,gpu",
  });
  expect(warnings).toHaveLength(1);
  for (const word of ['"b3" and "jaeger"', '"gpu"']) expect(warnings[0]).toContain(word);
});

test("OTEL_ENABLED takes true and false only", () => {
  expect(read({ OTEL_ENABLED: "TRUE" }).config?.enabled).toBe(true);
  expect(read({ OTEL_ENABLED: "1" }).warnings[0]).toContain('OTEL_ENABLED="1": expected true or false');
});

test("production keeps a tenth, other runs keep all, and a set share is taken as it is", () => {
  const ratioWith = (env: Record<string, string>): number | undefined => {
    const { config } = read({ OTEL_ENABLED: "true", ...env });
    return config && sampleRatioOf(config).ratio;
  };
  expect(ratioWith({ NODE_ENV: "production" })).toBe(0.1);
  expect(ratioWith({ NODE_ENV: "development" })).toBe(1);
  expect(ratioWith({ NODE_ENV: "production", OTEL_TRACES_SAMPLER_ARG: "0" })).toBe(0);
});

test("the limits of a span are OpenTelemetry's, the span's own variable before the general one", () => {
  const limitsWith = (env: Record<string, string>) => {
    const { config } = read({ OTEL_ENABLED: "true", ...env });
    return config && spanLimitsOf(config);
  };
  expect(limitsWith({})).toEqual({
    attributes: 128,
    valueLength: Number.POSITIVE_INFINITY,
    events: 128,
    links: 128,
  });
  const env = {
    OTEL_ATTRIBUTE_COUNT_LIMIT: "10",
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "20",
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "30",
    OTEL_SPAN_EVENT_COUNT_LIMIT: "40",
    OTEL_SPAN_LINK_COUNT_LIMIT: "50",
  };
  expect(limitsWith(env)).toEqual({ attributes: 20, valueLength: 30, events: 40, links: 50 });
  expect(limitsWith({ ...env, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "few" })?.attributes).toBe(10);
});

test("the exporter's settings are read, the ones for traces before the general ones", () => {
  const { config } = read({
    OTEL_ENABLED: "true",
    OTEL_TRACES_EXPORTER: "otlp,console",
    OTEL_EXPORTER_OTLP_COMPRESSION: "none",
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
    OTEL_EXPORTER_OTLP_TIMEOUT: "3000",
    OTEL_EXPORTER_OTLP_CERTIFICATE: "/etc/ca.pem",
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: "/etc/me.pem",
    OTEL_EXPORTER_OTLP_CLIENT_KEY: "/etc/me.key",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "100",
    THROUGHLINE_QUEUE_MAX_BYTES: "1048576",
    OTEL_NODE_RESOURCE_DETECTORS: "host,vercel",
    OTEL_LOG_LEVEL: "DEBUG",
  });
  expect(config).toMatchObject({
    tracesExporters: ["otlp", "console"],
    compression: "gzip",
    exportTimeoutMs: 3000,
    certificate: "/etc/ca.pem",
    clientCertificate: "/etc/me.pem",
    clientKey: "/etc/me.key",
    maxBatchSpans: 100,
    queueMaxBytes: 1_048_576,
    resourceDetectors: ["host", "vercel"],
    diagnosticsLevel: "debug",
  });
});

test("without settings spans go to one collector, uncompressed, with 10 s for each request", () => {
  expect(read({ OTEL_ENABLED: "true" }).config).toMatchObject({
    tracesExporters: ["otlp"],
    compression: "none",
    exportTimeoutMs: 10_000,
    certificate: "",
    maxBatchSpans: 512,
    queueMaxBytes: 33_554_432,
    resourceDetectors: ["all"],
  });
});

test.each([
  ["OTEL_ENABLED", "yes", "expected true or false"],
  ["OTEL_SDK_DISABLED", "yes", "expected true or false"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector", "expected an absolute URL"],
  ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector", "expected an absolute URL"],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "http", "expected one of grpc"],
  ["OTEL_TRACES_SAMPLER", "half", "expected one of always_on"],
  ["OTEL_TRACES_SAMPLER_ARG", "2", "expected a number from 0"],
  ["OTEL_PROPAGATORS", "b3", "expected words of tracecontext"],
  ["OTEL_TRACES_EXPORTER", "zipkin", "expected words of otlp, console, none"],
  ["OTEL_TRACES_EXPORTER", "none,otlp", "none to stand alone"],
  ["THROUGHLINE_MODE", "both", "expected one of own, join, isolate"],
  ["THROUGHLINE_INGEST_PATH", "api/tl", "expected a path"],
])("%s=%s stops tracing: it says where spans go, who sees them or which are kept", (name, text, problem) => {
  const { config, warnings } = read({ OTEL_ENABLED: "true", [name]: text });
  expect(config).toBeUndefined();
  expect(warnings).toEqual([
    expect.stringMatching(new RegExp(`^tracing stays off: ${name}="${text}": .*${problem}`)),
  ]);
});

test.each([
  ["OTEL_LOG_LEVEL", "WARNING", /one of none, error, warn, .*; none holds/, { diagnosticsLevel: "none" }],
  ["OTEL_LOGS_EXPORTER", "console", /one of none, otlp; none holds/, { logsExporter: "none" }],
  ["OTEL_BSP_SCHEDULE_DELAY", "abc", /from 0 to 3600000; 1000 holds/, { batchDelayMs: 1000 }],
  ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", /from 1 to 10000; 512 holds/, { maxBatchSpans: 512 }],
  ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", /one of gzip, none; none holds/, { compression: "none" }],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s", /from 1 to 600000; 10000 holds/, { exportTimeoutMs: 10_000 }],
  ["OTEL_NODE_RESOURCE_DETECTORS", "host,aws", /got "aws"; host holds/, { resourceDetectors: ["host"] }],
  ["OTEL_NODE_RESOURCE_DETECTORS", "aws", /got "aws"; none holds/, { resourceDetectors: [] }],
  ["OTEL_RESOURCE_ATTRIBUTES", "team", /"key=value" pairs .*; nothing holds/, { resourceAttributes: {} }],
  ["THROUGHLINE_QUEUE_MAX_BYTES", "10", /from 65536 .*; 33554432 holds/, { queueMaxBytes: 33_554_432 }],
  ["THROUGHLINE_INGEST_MAX_BYTES", "1MB", /; 1048576 holds/, { ingestMaxBytes: 1_048_576 }],
  ["OTEL_METRICS_ENABLED", "1", /true or false; false holds/, { metricsEnabled: false }],
  ["OTEL_METRIC_EXPORT_INTERVAL", "1m", /; 60000 holds/, { metricsIntervalMs: 60_000 }],
  ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both", /; cumulative holds/, {}],
  ["OTEL_ATTRIBUTE_COUNT_LIMIT", "-1", /; 128 holds/, { attributeCountLimit: 128 }],
  ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0", /; no limit holds/, { attributeLengthLimit: Infinity }],
  ["OTEL_SPAN_EVENT_COUNT_LIMIT", "few", /; 128 holds/, { eventCountLimit: 128 }],
  ["OTEL_SPAN_LINK_COUNT_LIMIT", "few", /; 128 holds/, { linkCountLimit: 128 }],
] as const)("%s=%s is told in one line, and tracing goes on", (name, text, problem, held) => {
  const { config, warnings } = read({ OTEL_ENABLED: "true", [name]: text });
  expect(config).toMatchObject({ enabled: true, signalsOff: [], ...held });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(problem);
  expect(warnings[0]).toContain(`${name}=${JSON.stringify(text)}: expected`);
  expect(warnings[0]).toMatch(/^[^\n]* holds instead, and tracing goes on\.$/);
});

test.each([
  ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "logs:9000", ["logs"]],
  ["OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http", ["logs"]],
  ["OTEL_EXPORTER_OTLP_LOGS_HEADERS", "s3cret", ["logs"]],
  ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "metrics:9000", ["metrics"]],
  ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http", ["metrics"]],
  ["OTEL_EXPORTER_OTLP_METRICS_HEADERS", "s3cret", ["metrics"]],
] as const)("%s=%s keeps its signal off, is told, and traces go on", (name, text, signals) => {
  const asked = { OTEL_ENABLED: "true", OTEL_LOGS_EXPORTER: "otlp", OTEL_METRICS_ENABLED: "true" };
  const { config, warnings } = read({ ...asked, [name]: text });
  expect(config?.signalsOff).toEqual(signals);
  const [off] = signals;
  expect(config?.logsExporter).toBe(off === "logs" ? "none" : "otlp");
  expect(config?.metricsEnabled).toBe(off !== "metrics");
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(new RegExp(`^${name}[^\n]*; no ${off} are sent, and tracing goes on\\.$`));
  expect(warnings[0]).not.toContain("s3cret");
});

test("a variable of several signals keeps both off in one line, where traces have one of their own", () => {
  const { config, warnings } = read({
    OTEL_ENABLED: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc",
  });
  expect(config).toMatchObject({ protocol: "grpc", signalsOff: ["logs", "metrics"] });
  expect(warnings).toEqual([
    expect.stringMatching(/="http": .*; no logs are sent, no metrics are sent, and tracing goes on\.$/),
  ]);
});

test("a name that is no text is told, and that of the environment holds", () => {
  const warnings: string[] = [];
  const env = { OTEL_ENABLED: "true", OTEL_SERVICE_NAME: "shop" };
  const given = { serviceName: 5 as unknown as string };
  expect(readServerConfig(given, (text) => warnings.push(text), env)?.serviceName).toBe("shop");
  expect(warnings).toEqual([
    "serviceName: expected a text, got a number; shop holds instead, and tracing goes on.",
  ]);
});

test("the version in the boot line is the package's", async () => {
  const { default: manifest } = await import("../package.json", { with: { type: "json" } });
  expect(VERSION).toBe(manifest.version);
});

test("logs are exported when asked, to their own address where they have one", () => {
  const logsOf = (env: Record<string, string>) => {
    const { config } = read({ OTEL_ENABLED: "true", ...env });
    if (!config) throw new Error("tracing is off");
    const { url, protocol, headers } = logsTarget(config);
    return [config.logsExporter, url, protocol, headers];
  };
  expect(logsOf({})).toEqual(["none", "http://localhost:4318/v1/logs", "http/protobuf", {}]);
  expect(
    logsOf({
      OTEL_LOGS_EXPORTER: "otlp",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4317",
      OTEL_EXPORTER_OTLP_HEADERS: "key=all",
    }),
  ).toEqual(["otlp", "http://collector:4317", "grpc", { key: "all" }]);
  expect(
    logsOf({
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://logs:9000/in",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: "key=all",
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: "key=logs",
    }),
  ).toEqual(["none", "http://logs:9000/in", "http/json", { key: "logs" }]);
});

test("metrics are off until asked for, and go where traces go unless told otherwise", () => {
  const metricsOf = (env: Record<string, string>) => {
    const { config } = read({ OTEL_ENABLED: "true", ...env });
    if (!config) throw new Error("tracing is off");
    return { isOn: config.metricsEnabled, everyMs: config.metricsIntervalMs, ...metricsTarget(config) };
  };
  expect(metricsOf({})).toEqual({
    isOn: false,
    everyMs: 60_000,
    url: "http://localhost:4318/v1/metrics",
    protocol: "http/protobuf",
    headers: {},
  });
  expect(
    metricsOf({
      OTEL_METRICS_ENABLED: "true",
      OTEL_METRIC_EXPORT_INTERVAL: "5000",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4317",
      OTEL_EXPORTER_OTLP_HEADERS: "key=all",
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: "key=metrics",
    }),
  ).toEqual({
    isOn: true,
    everyMs: 5000,
    url: "http://collector:4317",
    protocol: "grpc",
    headers: { key: "metrics" },
  });
  expect(
    metricsOf({
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "https://metrics.example/v1/metrics",
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/json",
    }),
  ).toMatchObject({ url: "https://metrics.example/v1/metrics", protocol: "http/json" });
});

test("THROUGHLINE_MODE says what to do beside another tracer; nothing is said by default", () => {
  expect(read({ OTEL_ENABLED: "true" }).config?.mode).toBe("");
  expect(read({ OTEL_ENABLED: "true", THROUGHLINE_MODE: "isolate" }).config?.mode).toBe("isolate");
  expect(read({ OTEL_ENABLED: "true", THROUGHLINE_MODE: "both" }).warnings[0]).toContain("THROUGHLINE_MODE");
});

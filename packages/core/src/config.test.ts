import { expect, test } from "vitest";
import { protocolOf, readTracingConfig, tracesUrl } from "./config.ts";

test("tracing is off unless OTEL_ENABLED=true", () => {
  expect(readTracingConfig({}, {}).enabled).toBe(false);
  expect(readTracingConfig({}, { OTEL_ENABLED: "true" }).enabled).toBe(true);
});

test("without a protocol, port 4317 means grpc and anything else http/protobuf", () => {
  const grpc = readTracingConfig({}, { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4317" });
  expect(protocolOf(grpc)).toBe("grpc");
  expect(tracesUrl(grpc)).toBe("http://collector:4317");
  const http = readTracingConfig({}, { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" });
  expect(protocolOf(http)).toBe("http/protobuf");
  expect(tracesUrl(http)).toBe("http://collector:4318/v1/traces");
});

test("grpc without an endpoint goes to the port of grpc", () => {
  const env = { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
  expect(tracesUrl(readTracingConfig({}, env))).toBe("http://localhost:4317");
  expect(tracesUrl(readTracingConfig({}, { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:9" }))).toBe(
    "http://c:9",
  );
});

test("the slash at the end of a traces endpoint stays", () => {
  const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://api.test/v1/traces/" };
  expect(tracesUrl(readTracingConfig({}, env))).toBe(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
});

test("a traces endpoint is used as it stands", () => {
  const config = readTracingConfig(
    {},
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://api.test/otlp/traces" },
  );
  expect(tracesUrl(config)).toBe("https://api.test/otlp/traces");
});

test("the traces variables win over the general ones", () => {
  const config = readTracingConfig(
    {},
    {
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: "k=general",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "k=traces",
    },
  );
  expect(config.protocol).toBe("http/json");
  expect(config.headers).toEqual({ k: "traces" });
});

test("an ingest path must be a path", () => {
  expect(readTracingConfig({}, { THROUGHLINE_INGEST_PATH: "/otel/" }).ingestPath).toBe("/otel");
  expect(() => readTracingConfig({}, { THROUGHLINE_INGEST_PATH: "https://x.test/otel" })).toThrow(
    '"/api/tl"',
  );
});

import { afterEach, expect, test, vi } from "vitest";
import { readServerConfig } from "../settings.ts";
import { callRules } from "./call-rules.ts";
import { createTargets } from "./targets.ts";

afterEach(() => vi.unstubAllEnvs());

/** Which of the paths of a host are left alone. */
function leftAlone(env: Readonly<Record<string, string>>, origin: string, paths: readonly string[]) {
  for (const [name, value] of Object.entries({ OTEL_ENABLED: "true", ...env })) vi.stubEnv(name, value);
  const config = readServerConfig({}, (problem) => expect.unreachable(problem));
  const placeOf = createTargets(callRules(config ?? expect.unreachable("it is off"), {}));
  return paths.filter((path) => placeOf(origin, path) === undefined);
}

test("of the collector's host only what takes telemetry is left alone", () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://gateway.test/otel" };
  const paths = [
    "/otel/v1/traces",
    "/otel/v1/metrics",
    "/otel/v1/logs",
    "/otel/orders",
    "/v1/traces",
    "/orders",
  ];
  expect(leftAlone(env, "https://gateway.test", paths)).toEqual(paths.slice(0, 3));
});

test("so are a signal's own endpoint, and HTTP beside gRPC, where the browser's data goes", () => {
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces.test:9000/in" };
  expect(leftAlone(own, "http://traces.test:9000", ["/in", "/in?key=1", "/orders"])).toEqual([
    "/in",
    "/in?key=1",
  ]);
  const root = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://gateway.test/" };
  expect(leftAlone(root, "https://gateway.test", ["/", "/orders"])).toEqual([]);
  const grpc = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://agent.test:4317",
  };
  expect(leftAlone(grpc, "http://agent.test:4318", ["/v1/traces", "/orders"])).toEqual(["/v1/traces"]);
});

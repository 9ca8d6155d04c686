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

test("so is a signal's own endpoint", () => {
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces.test:9000/in" };
  expect(leftAlone(own, "http://traces.test:9000", ["/in", "/in?key=1", "/orders"])).toEqual([
    "/in",
    "/in?key=1",
  ]);
  const root = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://gateway.test/" };
  expect(leftAlone(root, "https://gateway.test", ["/", "/orders"])).toEqual([]);
});

test.each([
  ["https://api.example.com:443", "https://api.example.com"],
  ["HTTPS://API.example.com/", "https://api.example.com:443"],
  ["https://api.example.com", "https://API.EXAMPLE.COM"],
  ["http://x:80", "http://x"],
  ["http://x", "http://x:80"],
  ["http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"],
  ["http://[::1]:8080", "http://[::1]:8080"],
])("an entry of propagateTo is the origin that it names, however it is written: %s, %s", (entry, origin) => {
  expect(receivers(entry, [origin])).toEqual([origin]);
});

test("another scheme, port or host does not receive what an entry of propagateTo does", () => {
  const others = ["http://api.example.com", "https://api.example.com:8443", "http://api.example.com:443"];
  const hosts = ["https://api.example.com.", "https://api.example.com.evil.test", "https://example.com"];
  expect(receivers("https://api.example.com:443", [...others, ...hosts])).toEqual([]);
  expect(receivers("http://[::1]:8080", ["http://[::1]", "http://[::1]:80", "https://[::1]:8080"])).toEqual(
    [],
  );
});

function receivers(entry: string, origins: readonly string[]): readonly string[] {
  vi.stubEnv("OTEL_ENABLED", "true");
  const config = readServerConfig({}, (problem) => expect.unreachable(problem));
  const rules = callRules(config ?? expect.unreachable("it is off"), { propagateTo: [entry] });
  const placeOf = createTargets(rules);
  return origins.filter((origin) => placeOf(origin, "/")?.target.receivesTrace);
}

test("in development Next.js's check of its own version is left alone, in production nothing is", () => {
  const paths = ["/-/package/next/dist-tags", "/-/package/react/dist-tags"];
  expect(leftAlone({ NODE_ENV: "development" }, "https://registry.test", paths)).toEqual(paths.slice(0, 1));
  expect(leftAlone({ NODE_ENV: "production" }, "https://registry.test", paths)).toEqual([]);
  const usage = ["/api/v1/record"];
  expect(leftAlone({ NODE_ENV: "development" }, "https://telemetry.nextjs.org", usage)).toEqual(usage);
  expect(leftAlone({ NODE_ENV: "production" }, "https://telemetry.nextjs.org", usage)).toEqual([]);
});

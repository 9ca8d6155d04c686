import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { NextConfig } from "next";
import { afterEach, expect, test, vi } from "vitest";
import { type WebOptions, withTracing } from "./next-config.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function turnOn(env: Record<string, string> = {}): void {
  for (const [name, value] of Object.entries({ OTEL_ENABLED: "true", ...env })) vi.stubEnv(name, value);
}

function webOf(config: NextConfig): unknown {
  return JSON.parse(config.env?.THROUGHLINE_WEB ?? "null");
}

test("a config comes back as the same object when tracing is off", () => {
  const config: NextConfig = { basePath: "/shop" };
  const asFunction = () => config;
  expect(withTracing(config)).toBe(config);
  expect(withTracing(asFunction)).toBe(asFunction);
  turnOn({ OTEL_SDK_DISABLED: "true" });
  expect(withTracing(config)).toBe(config);
});

test("the user's own settings stay beside ours", () => {
  turnOn();
  const config = withTracing({
    env: { SHOP: "tea" },
    instrumentationClientInject: ["./mine"],
    transpilePackages: ["lib"],
    experimental: { swcEnvOptions: { mode: "usage", coreJs: "3.38", include: ["transform-spread"] } },
  });
  expect(config.env?.SHOP).toBe("tea");
  expect(config.instrumentationClientInject).toEqual(["./mine", "@throughline/web/next"]);
  expect(config.transpilePackages).toEqual(["lib", "next"]);
  expect(config.experimental?.swcEnvOptions).toEqual({
    mode: "usage",
    coreJs: "3.38",
    include: ["transform-spread", "transform-async-to-generator", "transform-async-generator-functions"],
  });
});

test("next stays out of transpilePackages where that is asked for", () => {
  turnOn();
  expect(withTracing({}, { transpileNext: false }).transpilePackages).toEqual([]);
});

test("the await hook has an entry of its own, and nothing is lowered for it", () => {
  turnOn();
  const given: NextConfig = { transpilePackages: ["lib"], experimental: { typedEnv: true } };
  const config = withTracing(given, { context: "await-hook" });
  expect(config.instrumentationClientInject).toEqual(["@throughline/web/next/await-hook"]);
  expect(config.transpilePackages).toEqual(["lib"]);
  expect(config.experimental).toEqual({ typedEnv: true });
  expect(withTracing({}, { context: "await-hook", transpileNext: true }).transpilePackages).toEqual(["next"]);
});

test.each([
  ["production", "0.1", "@throughline/web/next/lazy"],
  ["production", "0", "@throughline/web/next/lazy"],
  ["production", "1", "@throughline/web/next"],
  ["production", "", "@throughline/web/next/lazy"],
  ["development", "0.1", "@throughline/web/next"],
])("in %s, with a share of %j, the browser starts with %s", (nodeEnv, ratio, entry) => {
  turnOn({ NODE_ENV: nodeEnv, OTEL_TRACES_SAMPLER_ARG: ratio });
  expect(withTracing({}).instrumentationClientInject).toEqual([entry]);
});

test("XMLHttpRequest is traced by an entry before the other, and the server learns the ingest path", () => {
  turnOn({ NODE_ENV: "production" });
  const config = withTracing({}, { xhr: true, ingestPath: "/telemetry/" });
  expect(config.instrumentationClientInject).toEqual([
    "@throughline/web/next/xhr",
    "@throughline/web/next/lazy",
  ]);
  expect(config.env?.THROUGHLINE_BUILT_INGEST_PATH).toBe("/telemetry");
  expect(withTracing({}, { xhr: false }).instrumentationClientInject).toHaveLength(1);
});

test("the classic preset has an entry of its own, and is lowered for as the default is", () => {
  turnOn({ TURBOPACK: "1" });
  const classic = withTracing({}, { preset: "classic" });
  expect(classic.instrumentationClientInject).toEqual(["@throughline/web/next/classic"]);
  expect({ ...classic, instrumentationClientInject: [] }).toEqual({
    ...withTracing({}),
    instrumentationClientInject: [],
  });
});

test("the await hook and the classic preset are started whole, whatever share is kept", () => {
  turnOn({ NODE_ENV: "production", OTEL_TRACES_SAMPLER_ARG: "0.1" });
  const entriesOf = (options: WebOptions) => withTracing({}, options).instrumentationClientInject;
  expect(entriesOf({ context: "await-hook" })).toEqual(["@throughline/web/next/await-hook"]);
  expect(entriesOf({ preset: "classic" })).toEqual(["@throughline/web/next/classic"]);
});

test("a preset and a context together are refused", () => {
  turnOn();
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const config: NextConfig = {};
  expect(withTracing(config, { preset: "classic", context: "await-hook" })).toBe(config);
  expect(String(warn.mock.calls[0]?.[0])).toMatch(/preset and context: .*leave one of the two out/);
});

test("where paths end with a slash, the browser's endpoint does", () => {
  vi.stubEnv("OTEL_ENABLED", "true");
  const config = withTracing({ trailingSlash: true });
  expect(JSON.parse(String(config.env?.THROUGHLINE_WEB))).toMatchObject({ endpoint: "/api/tl/v1/traces/" });
});

test("the browser gets its endpoint below the base path, its name and its share", () => {
  turnOn({ OTEL_SERVICE_NAME: "shop", NODE_ENV: "production" });
  expect(webOf(withTracing({ basePath: "/tea" }, { propagateTo: ["https://api.example.com"] }))).toEqual({
    serviceName: "shop-web",
    endpoint: "/tea/api/tl/v1/traces",
    basePath: "/tea",
    sampleRatio: 0.1,
    propagateTo: ["https://api.example.com"],
  });
  expect(
    webOf(
      withTracing(
        {},
        { serviceName: "front", ingestPath: "/otel", propagation: "off", labels: "attributes" },
      ),
    ),
  ).toEqual({
    serviceName: "front",
    endpoint: "/otel/v1/traces",
    sampleRatio: 0.1,
    propagation: "off",
    labels: "attributes",
  });
});

test("no header of the collector reaches the browser", () => {
  turnOn({ OTEL_EXPORTER_OTLP_HEADERS: "authorization=secret" });
  expect(JSON.stringify(withTracing({}))).not.toContain("secret");
});

test("OTEL_TRACES_SAMPLER holds for the browser too", () => {
  turnOn({ OTEL_TRACES_SAMPLER: "always_off" });
  expect(webOf(withTracing({}))).toMatchObject({ sampleRatio: 0 });
});

test("a config function, plain or async, is wrapped and gets its arguments", async () => {
  turnOn();
  const phases: string[] = [];
  const plain = withTracing((phase) => {
    phases.push(phase);
    return { basePath: "/a" };
  });
  const later = withTracing(async (phase) => ({ basePath: `/${phase}` }));
  expect(webOf((await plain("build", { defaultConfig: {} })) as NextConfig)).toMatchObject({
    endpoint: "/a/api/tl/v1/traces",
  });
  expect(await later("serve", { defaultConfig: {} })).toMatchObject({
    basePath: "/serve",
    instrumentationClientInject: ["@throughline/web/next"],
  });
  expect(phases).toEqual(["build"]);
});

test("the consent to start with reaches the browser, and one that there is not stops the browser's tracing", () => {
  turnOn();
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  expect(webOf(withTracing({}, { consent: "pending" }))).toMatchObject({ consent: "pending" });
  expect(webOf(withTracing({}))).not.toHaveProperty("consent");
  expect(webOf(withTracing({}, { consent: "yes" as "granted" }))).toBe(null);
  expect(String(warn.mock.calls[0]?.[0])).toContain('consent "yes": expected one of "granted", "pending"');
});

test("a bad option gives one warning and the config untouched", () => {
  turnOn();
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const config: NextConfig = {};
  const options = { propagateTo: ["*.example.com"], ingestPath: "api", context: "zone" as "await-hook" };
  expect(withTracing(config, options)).toBe(config);
  expect(withTracing(config, options)).toBe(config);
  expect(warn).toHaveBeenCalledTimes(1);
  expect(String(warn.mock.calls[0]?.[0])).toMatch(
    /@throughline\/server: .*propagateTo.*ingestPath.*context "zone": expected "await-hook".*Correct it/,
  );
});

test("a bad variable that only tunes is told at the build, and the browser is traced; another stops it", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const config: NextConfig = {};
  turnOn({ OTEL_BSP_SCHEDULE_DELAY: "soon", OTEL_LOGS_EXPORTER: "file" });
  expect(webOf(withTracing(config))).not.toBe(null);
  expect(warn.mock.calls.map(([line]) => line)).toEqual([
    expect.stringMatching(/OTEL_BSP_SCHEDULE_DELAY="soon".*1000 holds instead, and tracing goes on\.$/),
    expect.stringMatching(/OTEL_LOGS_EXPORTER="file".*none holds instead, and tracing goes on\.$/),
  ]);
  turnOn({ OTEL_TRACES_SAMPLER: "most" });
  expect(withTracing(config)).toBe(config);
});

test("options that are none, origins that are no list, and a config that is a promise", async () => {
  turnOn();
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const config: NextConfig = {};
  expect(withTracing(config, { propagateTo: "https://api.example.com" as never })).toBe(config);
  expect(String(warn.mock.calls[0]?.[0])).toContain(
    'propagateTo "https://api.example.com": expected a list of origins',
  );
  expect(webOf(withTracing(config, null as never))).not.toBe(null);
  expect(await withTracing(Promise.resolve({ basePath: "/a" }) as NextConfig)).toMatchObject({
    basePath: "/a",
    instrumentationClientInject: ["@throughline/web/next"],
  });
  vi.unstubAllEnvs();
  expect(withTracing(config, null as never)).toBe(config);
});

test("an option that there is not is told at the build, and the browser is traced", () => {
  turnOn();
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const options: object = { propogateTo: ["https://api.example.com"], sampleRatio: 0.5 };
  expect(webOf(withTracing({}, options))).not.toBe(null);
  expect(warn.mock.calls.map(([line]) => line)).toEqual([
    expect.stringMatching(
      /withTracing has no option "propogateTo" or "sampleRatio", so nothing comes of it; there are .*propagateTo/,
    ),
  ]);
});

test("what the browser would start with is checked when the app is built", () => {
  turnOn();
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const config: NextConfig = {};
  const options = { serviceName: "", propagation: "all" as "off", ignoreUrls: "/healthz" as never };
  expect(withTracing(config, options)).toBe(config);
  const message = String(warn.mock.calls[0]?.[0]);
  expect(message).toContain('serviceName "": expected a name');
  expect(message).toContain('propagation "all": expected "same-origin" or "off"');
  expect(message).toContain('ignoreUrls "/healthz": expected prefixes');
  expect(withTracing(config, { ignoreUrls: ["stats.example.com"] })).toBe(config);
  expect(String(warn.mock.calls[1]?.[0])).toContain('ignoreUrls ["stats.example.com"]: expected prefixes');
});

test("the app's folder is that of its next.config, wherever the build was started", async () => {
  turnOn();
  const folder = mkdtempSync(join(tmpdir(), "throughline-config-"));
  try {
    writeFileSync(join(folder, "package.json"), '{ "name": "shop" }');
    writeFileSync(join(folder, "next.config.mjs"), "export default (add) => add({});");
    const { default: withAdded } = await import(
      /* @vite-ignore */ pathToFileURL(join(folder, "next.config.mjs")).href
    );
    const config = withAdded(withTracing);
    expect(webOf(config)).toMatchObject({ serviceName: "shop-web" });
    expect(config.serverExternalPackages).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("libraries with an instrumentation stay outside the bundles, the user's own list before them", () => {
  turnOn();
  // This workspace has ioredis and its instrumentation.
  const config = withTracing({ serverExternalPackages: ["mine"] });
  expect(config.serverExternalPackages).toEqual(["mine", "ioredis"]);
  expect(withTracing({ transpilePackages: ["ioredis"] }).serverExternalPackages).toEqual([]);
});

import type { IncomingMessage } from "node:http";
import { afterEach, expect, test, vi } from "vitest";
import { createNoiseTest, type NoiseOptions } from "./noise.ts";

afterEach(() => void vi.restoreAllMocks());

function isNoise(url: string, headers: Record<string, string> = {}, options: Partial<NoiseOptions> = {}) {
  const noise = createNoiseTest({
    paths: { basePath: "", ingestPath: "/api/tl" },
    ignoreIncoming: undefined,
    ...options,
  });
  return noise({ url, headers, method: "GET" } as unknown as IncomingMessage);
}

// Not `sec-fetch-mode`, which the fetch of Node sends too.
const FROM_PAGE = { "sec-fetch-dest": "document" };

test.each([
  ["/health"],
  ["/health/live"],
  ["/healthcheck"],
  ["/health-check?full=1"],
  ["/api/health"],
  ["/healthz"],
  ["/livez"],
  ["/readyz?verbose"],
  ["/api/readyz"],
  ["/favicon.ico"],
  ["/_next/static/chunks/a.js"],
  ["/_next/image?url=%2Fa.png"],
  ["/__nextjs_font/a.woff2"],
  ["/.well-known/appspecific/com.chrome.devtools.json"],
  ["/api/tl/v1/traces"],
  ["/api/tl/flush"],
  ["/api/tl/doctor/received"],
  ["/api/tl/v1/traces/"],
  ["/healthz/?verbose"],
])("%s is noise", (url) => {
  expect(isNoise(url)).toBe(true);
});

test.each([
  ["/"],
  ["/healthy-snacks"],
  ["/healthcare/patients"],
  ["/api/orders?next=/healthz"],
  ["/blog/health"],
  ["/_next/data/build/orders.json"],
  ["/api/tlc/v1/traces-of-tea"],
  ["/api/tl/doctor"],
])("%s is traced", (url) => {
  expect(isNoise(url)).toBe(false);
});

test("a page about health is traced when a browser asks for it, a probe's path never", () => {
  expect(isNoise("/health", FROM_PAGE)).toBe(false);
  expect(isNoise("/health/sleep", { rsc: "1" })).toBe(false);
  expect(isNoise("/healthz", FROM_PAGE)).toBe(true);
});

test.each([["kube-probe/1.31"], ["ELB-HealthChecker/2.0"], ["GoogleHC/1.0"]])(
  "whatever %s asks for is noise",
  (agent) => {
    expect(isNoise("/", { "user-agent": agent })).toBe(true);
    expect(isNoise("/", { "user-agent": `Mozilla/5.0 (${agent})` })).toBe(false);
  },
);

test.each([
  ["next-router-prefetch", "1"],
  ["next-router-segment-prefetch", "/_tree"],
  ["x-middleware-prefetch", "1"],
])("a request with %s is noise, whatever its traceparent says", (name, value) => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  expect(isNoise("/orders/7", { rsc: "1", traceparent })).toBe(false);
  expect(isNoise("/orders/7", { rsc: "1", traceparent, [name]: value })).toBe(true);
});

test("the app's own list is added to ours; patterns are of the whole path, without the base path", () => {
  const options = {
    paths: { basePath: "/shop", ingestPath: "/api/tl" },
    ignoreIncoming: ["/internal/*", "/ping", "/status/", "/"],
  };
  expect(isNoise("/shop/status", {}, options)).toBe(true);
  expect(isNoise("/shop/status/", {}, options)).toBe(true);
  expect(isNoise("/shop", {}, options)).toBe(true);
  expect(isNoise("/shop/orders", {}, options)).toBe(false);
  expect(isNoise("/shop/internal/metrics?x=1", {}, options)).toBe(true);
  expect(isNoise("/shop/ping", {}, options)).toBe(true);
  expect(isNoise("/shop/ping/pong", {}, options)).toBe(false);
  expect(isNoise("/shop/api/internal/metrics", {}, options)).toBe(false);
  expect(isNoise("/shop/healthz", {}, options)).toBe(true);
});

test("`only` takes the place of the health checks, and of nothing else", () => {
  const options = { ignoreIncoming: { only: ["/ping"] } };
  expect(isNoise("/ping", {}, options)).toBe(true);
  expect(isNoise("/healthz", { "user-agent": "kube-probe/1.31" }, options)).toBe(false);
  expect(isNoise("/orders", { "next-router-prefetch": "1" }, options)).toBe(true);
  expect(isNoise("/_next/static/a.js", {}, options)).toBe(true);
});

test("a function judges by the request's head; one that throws is told once and traces", () => {
  const warn = vi.spyOn(console, "warn").mockReturnValue(undefined);
  const byHeader = { ignoreIncoming: [(request: IncomingMessage) => request.headers["x-probe"] === "1"] };
  expect(isNoise("/", { "x-probe": "1" }, byHeader)).toBe(true);
  expect(isNoise("/", {}, byHeader)).toBe(false);
  const broken = {
    ignoreIncoming: [
      () => {
        // Nothing that can be made a text.
        throw Object.create(null);
      },
    ],
  };
  expect([isNoise("/", {}, broken), isNoise("/", {}, broken)]).toEqual([false, false]);
  expect(warn.mock.calls).toHaveLength(1);
});

test("a pattern that is no path is refused by name", () => {
  expect(() => isNoise("/", {}, { ignoreIncoming: ["internal"] })).toThrow(/ignoreIncoming has "internal"/);
});

test("in a custom server the base path and the ingest path are told later", () => {
  const paths = { basePath: "", ingestPath: "/api/tl" };
  const noise = createNoiseTest({ paths, ignoreIncoming: ["/status"] });
  const asks = (url: string): boolean => noise({ url, headers: {} } as IncomingMessage);
  const urls = ["/shop/healthz", "/shop/status", "/shop/telemetry/v1/traces"];
  expect(urls.map(asks)).toEqual([false, false, false]);
  Object.assign(paths, { basePath: "/shop", ingestPath: "/telemetry" });
  expect(urls.map(asks)).toEqual([true, true, true]);
});

import type { NextConfig } from "next";
import { afterEach, expect, test, vi } from "vitest";
import { withTracing } from "./next-config.ts";

afterEach(() => vi.unstubAllEnvs());

function configIn(nodeEnv: string, config: NextConfig = {}, options = {}): NextConfig {
  vi.stubEnv("OTEL_ENABLED", "true");
  vi.stubEnv("NODE_ENV", nodeEnv);
  return withTracing(config, options);
}

/** Whether `next dev` writes a line for a request, as its server decides it. */
function isLogged({ logging }: NextConfig, url: string): boolean {
  const requests = logging === false ? false : (logging?.incomingRequests ?? true);
  return typeof requests === "boolean" ? requests : !requests.ignore?.some((each) => each.test(url));
}

const POST = "/api/tl/v1/traces";

test("in development the page's posts are no lines of the log, and the app's requests are", () => {
  const plain = configIn("development");
  expect(
    [POST, `/shop${POST}/`, "/api/tl/flush", "/api/tl/doctor/received"].map((url) => isLogged(plain, url)),
  ).toEqual([false, false, false, false]);
  expect(["/", "/api/tl-x/v1/traces", "/api/tl", "/api/tl/other"].map((url) => isLogged(plain, url))).toEqual(
    [true, true, true, true],
  );
  const moved = configIn("development", {}, { ingestPath: "/a.b" });
  expect([isLogged(moved, "/a.b/v1/traces"), isLogged(moved, "/aXb/v1/traces")]).toEqual([false, true]);
});

test("what the user says of the log holds beside it", () => {
  expect(configIn("development", { logging: false }).logging).toBe(false);
  const none = { fetches: { fullUrl: true }, incomingRequests: false };
  expect(configIn("development", { logging: none }).logging).toEqual(none);
  const all = configIn("development", { logging: { serverFunctions: false, incomingRequests: true } });
  expect(all.logging).toMatchObject({ serverFunctions: false });
  expect([isLogged(all, POST), isLogged(all, "/")]).toEqual([false, true]);
  const some = configIn("development", { logging: { incomingRequests: { ignore: [/^\/ping/] } } });
  expect([POST, "/ping", "/"].map((url) => isLogged(some, url))).toEqual([false, false, true]);
  expect(isLogged(configIn("development", { logging: { incomingRequests: {} } }), POST)).toBe(false);
});

test("in development the requests of Next.js's overlay are no spans of the page", () => {
  const ignored = (config: NextConfig): unknown => JSON.parse(config.env?.THROUGHLINE_WEB ?? "{}").ignoreUrls;
  expect(ignored(configIn("development"))).toEqual(["/__nextjs_"]);
  expect(ignored(configIn("development", { basePath: "/shop" }, { ignoreUrls: ["/ping"] }))).toEqual([
    "/ping",
    "/shop/__nextjs_",
  ]);
});

test("a build has nothing of it", () => {
  for (const nodeEnv of ["production", "test"]) {
    const config = configIn(nodeEnv);
    expect(config).not.toHaveProperty("logging");
    expect(JSON.parse(config.env?.THROUGHLINE_WEB ?? "{}")).not.toHaveProperty("ignoreUrls");
  }
});

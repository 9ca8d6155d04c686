import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NextConfig } from "next";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { lowered } from "./lowered-code.ts";

const MODULES = ["swc-async", "swc-await", "swc-generator", "swc-iterator", "swc-yield-star"];
const GENERATOR = "@swc/helpers/_/_wrap_async_generator";

let app: string;
beforeEach(() => {
  app = realpathSync(mkdtempSync(join(tmpdir(), "throughline-app-")));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(app, { recursive: true, force: true });
});

/** The package as npm puts it there, and returns its folder. */
function install(): string {
  const folder = join(app, "node_modules/@throughline/web");
  mkdirSync(join(folder, "dist/lowered"), { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  for (const name of MODULES) writeFileSync(join(folder, "dist/lowered", `${name}.js`), "");
  return folder;
}

/** The aliases that webpack ends with, of a build that begins with these. */
function aliasesOf({ webpack }: NextConfig, isServer = false): Record<string, unknown> {
  const given = { resolve: { alias: { "@swc/helpers/_": "all" } } };
  // Only this much of the context is looked at.
  return webpack?.(given, { isServer } as never).resolve.alias;
}

test("Turbopack takes our helpers from the folder of next.config", () => {
  install();
  vi.stubEnv("TURBOPACK", "auto");
  const config = lowered({ turbopack: { root: "/repo", resolveAlias: { a: "b" } } }, app);
  expect(config.turbopack).toMatchObject({
    root: "/repo",
    resolveAlias: {
      [GENERATOR]: { browser: "./node_modules/@throughline/web/dist/lowered/swc-generator.js" },
      a: "b",
    },
  });
  expect(Object.keys(config.turbopack?.resolveAlias ?? {})).toHaveLength(MODULES.length + 1);
  expect(config).not.toHaveProperty("webpack");
});

test("webpack takes our helpers before all of SWC's, for the browser only", () => {
  const folder = install();
  const config = lowered({}, app);
  const aliases = aliasesOf(config);
  expect(aliases[`${GENERATOR}$`]).toBe(join(folder, "dist/lowered/swc-generator.js"));
  expect(Object.keys(aliases)).toHaveLength(MODULES.length + 1);
  expect(Object.keys(aliases).at(-1)).toBe("@swc/helpers/_");
  expect(aliasesOf(config, true)).toEqual({ "@swc/helpers/_": "all" });
  expect(config).not.toHaveProperty("turbopack");
});

test("webpack still builds in its worker, unless the user's config says otherwise", () => {
  install();
  const workerOf = (config: NextConfig) => lowered(config, app).experimental?.webpackBuildWorker;
  expect(workerOf({})).toBe(true);
  // As in Next.js's own defaults, which a config may hold.
  const defaults = { experimental: { webpackBuildWorker: undefined } } as unknown as NextConfig;
  expect(workerOf(defaults)).toBe(true);
  expect(workerOf({ experimental: { webpackBuildWorker: false } })).toBe(false);
  expect(workerOf({ webpack: (given) => given })).toBeUndefined();
});

test("the user's webpack function has the last word", () => {
  install();
  const webpack: NextConfig["webpack"] = (given) => ({
    ...given,
    resolve: { alias: { [`${GENERATOR}$`]: "mine" } },
  });
  expect(aliasesOf(lowered({ webpack }, app))).toEqual({ [`${GENERATOR}$`]: "mine" });
});

test("a webpack function that Next.js would refuse under Turbopack is still refused", () => {
  install();
  vi.stubEnv("TURBOPACK", "auto");
  expect(lowered({ webpack: (given) => given }, app)).not.toHaveProperty("turbopack");
  vi.stubEnv("TURBOPACK", "1");
  expect(lowered({ webpack: (given) => given }, app)).toHaveProperty("turbopack");
});

test("where the helpers are not found, SWC's stay", () => {
  const config = lowered({}, app);
  expect(Object.keys(config)).toEqual(["experimental"]);
  expect(config.experimental?.swcEnvOptions?.include).toHaveLength(2);
});

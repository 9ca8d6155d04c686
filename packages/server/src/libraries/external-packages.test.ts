import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packagesToLeaveOut } from "./external-packages.ts";
import { EXTERNAL_BY_DEFAULT, INSTRUMENTED_LIBRARIES } from "./instrumented-libraries.ts";

let app: string;
beforeEach(() => {
  app = mkdtempSync(join(tmpdir(), "throughline-app-"));
});
afterEach(() => rmSync(app, { recursive: true, force: true }));

/** As npm does it, with the hook at the top. */
function install(...names: readonly string[]): void {
  installStrictly("require-in-the-middle", ...names);
}

function installStrictly(...names: readonly string[]): void {
  for (const name of names) {
    const folder = join(app, "node_modules", name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0" }));
  }
}

test("a library is left out of the bundles when it and its instrumentation are installed", () => {
  install("ioredis", "@opentelemetry/instrumentation-ioredis", "mysql2");
  expect(packagesToLeaveOut(app)).toEqual(["ioredis"]);
});

test("an instrumentation without its library adds nothing", () => {
  install("@opentelemetry/instrumentation-ioredis");
  expect(packagesToLeaveOut(app)).toEqual([]);
});

test("the bundle of all instrumentations counts for each", () => {
  install("ioredis", "winston", "@opentelemetry/auto-instrumentations-node");
  expect(packagesToLeaveOut(app)).toEqual(["ioredis", "winston"]);
});

test("a library of a folder above is found, as `require` would", () => {
  install("kafkajs", "@opentelemetry/instrumentation-kafkajs");
  const nested = join(app, "apps", "shop");
  mkdirSync(nested, { recursive: true });
  expect(packagesToLeaveOut(nested)).toEqual(["kafkajs"]);
});

test("what Next.js leaves out by itself is not named again, and Next.js still does so", () => {
  install("pg", "@opentelemetry/instrumentation-pg");
  expect(packagesToLeaveOut(app)).toEqual([]);
  const next = dirname(createRequire(import.meta.url).resolve("next/package.json"));
  const list = readFileSync(join(next, "dist/lib/server-external-packages.jsonc"), "utf8");
  const libraries = new Set(Object.values(INSTRUMENTED_LIBRARIES).flat());
  const listed = [...libraries].filter((name) => list.includes(`"${name}"`));
  expect(listed.sort()).toEqual([...EXTERNAL_BY_DEFAULT].sort());
});

test("what loads a library for the app is left out with it, as Prisma's adapter of pg", () => {
  install("@prisma/adapter-pg", "@opentelemetry/instrumentation-pg");
  expect(packagesToLeaveOut(app)).toEqual(["@prisma/adapter-pg"]);
});

test("where the app does not find what watches `require`, the instrumentation is left out too", () => {
  const instrumentations = [
    "@opentelemetry/instrumentation-ioredis",
    "@opentelemetry/instrumentation-pg",
    "@prisma/instrumentation",
  ];
  installStrictly("ioredis", ...instrumentations);
  expect(packagesToLeaveOut(app)).toEqual(["ioredis", ...instrumentations]);
});

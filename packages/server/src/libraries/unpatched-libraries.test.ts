import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  InstrumentationNodeModuleDefinition,
  InstrumentationNodeModuleFile,
} from "@opentelemetry/instrumentation";
import { IORedisInstrumentation } from "@opentelemetry/instrumentation-ioredis";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { unpatchedLibraries } from "./unpatched-libraries.ts";

let app: string;
beforeEach(() => {
  app = mkdtempSync(join(tmpdir(), "throughline-app-"));
  writeFileSync(join(app, "package.json"), JSON.stringify({ dependencies: { pg: "8", ioredis: "5" } }));
});
afterEach(() => rmSync(app, { recursive: true, force: true }));

function install(name: string): string {
  const folder = join(app, "node_modules", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0", main: "index.js" }));
  writeFileSync(join(folder, "index.js"), "module.exports = {};");
  return folder;
}

function build(serverExternalPackages: readonly string[] | undefined): string {
  const folder = join(app, ".next");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "required-server-files.json"),
    JSON.stringify({ config: { serverExternalPackages } }),
  );
  return folder;
}

const instrumentations = () => [new PgInstrumentation(), new IORedisInstrumentation()];

test("a library that the build bundled is named with the cure", () => {
  install("pg");
  install("ioredis");
  expect(unpatchedLibraries(instrumentations(), { app, build: build(undefined) })).toEqual([
    'ioredis: installed, NOT patched, Next.js bundled it; wrap next.config with withTracing or add "ioredis" to its serverExternalPackages, and build again',
  ]);
});

test("nothing is said of a library that the build left out, or that is not installed", () => {
  install("ioredis");
  expect(unpatchedLibraries(instrumentations(), { app, build: build(["ioredis"]) })).toEqual([]);
  rmSync(join(app, "node_modules"), { recursive: true });
  expect(unpatchedLibraries(instrumentations(), { app, build: join(app, ".next") })).toEqual([]);
});

test("a library that was loaded before is named with the cure", () => {
  const require = createRequire(join(app, "app.cjs"));
  const folder = install("ioredis");
  require(folder);
  expect(unpatchedLibraries(instrumentations(), { app, build: undefined })).toEqual([
    "ioredis: installed, NOT patched, it was loaded before tracing started; load it after register()",
  ]);
  delete require.cache[join(folder, "index.js")];
});

test("a library that was loaded before and is patched all the same is not named", () => {
  const require = createRequire(join(app, "app.cjs"));
  const folder = install("ioredis");
  const code = `
    class Redis { sendCommand() {} }
    Redis.prototype.sendCommand.__wrapped = true;
    Object.defineProperty(Redis, "broken", { get() { throw new Error("asked"); } });
    module.exports = { Redis };`;
  writeFileSync(join(folder, "index.js"), code);
  require(folder);
  expect(unpatchedLibraries(instrumentations(), { app, build: undefined })).toEqual([]);
  delete require.cache[join(folder, "index.js")];
});

test("where nothing was built nothing is claimed of bundles", () => {
  install("ioredis");
  expect(unpatchedLibraries(instrumentations(), { app, build: join(app, "no-such-build") })).toEqual([]);
});

test("an instrumentation of another make is passed over", () => {
  install("pg");
  const foreign = { ...new PgInstrumentation(), _modules: undefined };
  expect(unpatchedLibraries([foreign as never], { app, build: build([]) })).toEqual([]);
});

test("what only a library needs is not named: that library loads it, and was left out itself", () => {
  install("pg");
  // PgInstrumentation patches it too.
  install("pg-pool");
  expect(unpatchedLibraries([new PgInstrumentation()], { app, build: build([]) })).toEqual([]);
});

test("a library that its instrumentation names and does not patch is not named, as Prisma's client", () => {
  const asked = Object.assign(new IORedisInstrumentation(), {
    _modules: [new InstrumentationNodeModuleDefinition("ioredis", ["5.0.0"])],
  });
  const require = createRequire(join(app, "app.cjs"));
  const folder = install("ioredis");
  require(folder);
  expect(unpatchedLibraries([asked], { app, build: build([]) })).toEqual([]);
  expect(unpatchedLibraries([asked], { app, build: undefined })).toEqual([]);
  delete require.cache[join(folder, "index.js")];
});

test("a library of which only files are patched is named", () => {
  install("ioredis");
  const file = new InstrumentationNodeModuleFile("ioredis/built/Redis.js", ["*"], Object, Object);
  const ofFiles = Object.assign(new IORedisInstrumentation(), {
    _modules: [new InstrumentationNodeModuleDefinition("ioredis", ["*"], undefined, undefined, [file])],
  });
  expect(unpatchedLibraries([ofFiles], { app, build: build([]) })).toHaveLength(1);
});

// What has to be built before the demo or the end-to-end tests can start.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { createProcesses } from "./processes.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const shop = join(root, "apps/demo");

/** No tool of the build may phone home from a demo. */
const QUIET = { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", NEXT_TELEMETRY_DISABLED: "1" };

// `withTracing` and Next write these into the bundles; endpoints and ports are read when the shop starts.
const BUILD_VARIABLES =
  /^(OTEL_(ENABLED|SDK_DISABLED|SERVICE_NAME|TRACES_SAMPLER|TRACES_SAMPLER_ARG)|THROUGHLINE_INGEST_PATH|NEXT_PUBLIC_.*|NODE_ENV)$/;

/** Builds every package that changed. */
export function buildPackages({ processes = createProcesses() } = {}) {
  return processes.run({
    name: "the build of the packages",
    args: [
      join(root, "node_modules/turbo/bin/turbo"),
      "run",
      "build",
      "--filter=./packages/*",
      "--output-logs=errors-only",
    ],
    cwd: root,
    env: QUIET,
  });
}

/** `next build` of the shop into `distDir`, skipped while nothing it depends on has changed. */
export async function buildShop({ env = {}, distDir = ".next", processes = createProcesses() } = {}) {
  const mark = join(shop, distDir, "throughline-build");
  const fingerprint = await fingerprintOf({ ...process.env, ...env });
  if (existsSync(join(shop, distDir, "BUILD_ID")) && (await readText(mark)) === fingerprint)
    return { built: false };
  await processes.run({
    name: "the build of the shop",
    args: [join(root, "node_modules/next/dist/bin/next"), "build"],
    cwd: shop,
    env: { ...QUIET, ...env, NEXT_DIST_DIR: distDir },
  });
  await writeFile(mark, fingerprint);
  return { built: true };
}

async function fingerprintOf(env) {
  const hash = createHash("sha256").update(process.version);
  for (const name of Object.keys(env).sort()) {
    if (BUILD_VARIABLES.test(name)) hash.update(`${name}=${env[name]}\n`);
  }
  for (const file of await inputFiles())
    hash.update(`${relative(root, file)}\n`).update(await readFile(file));
  return hash.digest("hex");
}

async function inputFiles() {
  const folders = ["app", "lib"].map((folder) => join(shop, folder));
  const packages = ["core", "server", "web"].map((room) => join(root, "packages", room, "dist"));
  const nested = await Promise.all([...folders, ...packages].map(filesUnder));
  const own = (await readdir(shop, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(ts|json)$/.test(entry.name) && entry.name !== "next-env.d.ts")
    .map((entry) => join(shop, entry.name));
  return [join(root, "package-lock.json"), ...own, ...nested.flat()].sort();
}

async function filesUnder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".tsbuildinfo"))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function readText(file) {
  return readFile(file, "utf8").catch(() => undefined);
}

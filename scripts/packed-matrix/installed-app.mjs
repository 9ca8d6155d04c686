// A fresh app in a folder of its own, installed from the archives by one package manager, built and served.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort } from "../ports.mjs";
import { createProcesses, saysLine } from "../processes.mjs";

const QUIET = { NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production", CI: "1" };

const INSTALL = {
  npm: { command: "npm", args: ["install", "--no-audit", "--no-fund", "--include=dev"] },
  // Its tree is strict by default: a package finds what it names, and nothing else.
  pnpm: { command: "npx", args: ["--yes", "pnpm@10", "install", "--prod=false", "--no-frozen-lockfile"] },
};

const LOCKS = { npm: "package-lock.json", pnpm: "pnpm-lock.yaml" };

export const MANAGERS = Object.keys(INSTALL);

/** What each of them says of a peer that does not fit. */
const MISFIT = /peer dep|(?:unmet|missing) peer|ERESOLVE/i;

/** Writes and installs the app; gives its folder, and sentences about what is wrong with what was installed. */
export async function installApp(manager, files) {
  const log = [];
  const processes = createProcesses({ onLine: (_, line) => void log.push(line) });
  const folder = mkdtempSync(join(tmpdir(), `fresh-app-${manager}-`));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  await processes.run({ name: `${manager} install`, cwd: folder, ...INSTALL[manager] });
  const misfits = log.filter((line) => MISFIT.test(line)).map((line) => `the install says: ${line}`);
  if (files["schema.prisma"]) await generateClient(folder, processes);
  return { folder, faults: [...misfits, ...severalApis(folder, manager)] };
}

function severalApis(folder, manager) {
  const lock = readFileSync(join(folder, LOCKS[manager]), "utf8");
  const found = [...lock.matchAll(/@opentelemetry\/api(?:@|": \{\s*"version": ")(\d+\.\d+\.\d+)/g)];
  const versions = new Set(found.map(([, version]) => version));
  return versions.size === 1 ? [] : [`${versions.size} versions of the api: ${[...versions].join(", ")}`];
}

function generateClient(cwd, processes) {
  const args = [join(cwd, "node_modules/prisma/build/index.js"), "generate"];
  // It would fetch an engine that it does not use, from elsewhere than the registry.
  const env = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: "1" };
  return processes.run({ name: "prisma generate", args, cwd, env });
}

/** `next build` in the way of `combination`; resolves to the lines it printed. */
export async function buildApp(folder, { bundler, standalone }, env) {
  const log = [];
  const processes = createProcesses({ onLine: (_, line) => void log.push(line) });
  rmSync(join(folder, ".next"), { recursive: true, force: true });
  await processes.run({
    name: `next build (${bundler})`,
    args: [
      join(folder, "node_modules/next/dist/bin/next"),
      "build",
      ...(bundler === "webpack" ? ["--webpack"] : []),
    ],
    cwd: folder,
    env: { ...QUIET, ...env, STANDALONE: standalone ? "1" : "" },
  });
  return log;
}

/** Where the server of the build is: for `standalone` a copy elsewhere, as a Dockerfile makes it. */
export function servedFolder(folder, { standalone }) {
  if (!standalone) return folder;
  const copy = mkdtempSync(join(tmpdir(), "fresh-app-copy-"));
  cpSync(join(folder, ".next/standalone"), copy, { recursive: true, verbatimSymlinks: true });
  cpSync(join(folder, ".next/static"), join(copy, ".next/static"), { recursive: true });
  return copy;
}

/** Serves until `use` is done; `use` gets the address and the lines printed so far. */
export async function withServer({ cwd, standalone, env }, use) {
  const log = [];
  const processes = createProcesses({ onLine: (_, line) => void log.push(line) });
  const port = await freePort(0);
  const next = join(cwd, "node_modules/next/dist/bin/next");
  if (!standalone && !existsSync(next))
    throw new Error(`packed-matrix: ${next} is missing; was the app installed?`);
  try {
    await processes.start({
      name: "the fresh app",
      args: standalone ? ["server.js"] : [next, "start", "-p", String(port), "-H", "localhost"],
      cwd,
      env: { ...QUIET, ...env, PORT: String(port), HOSTNAME: "localhost" },
      ready: saysLine(/Ready in/),
    });
    return await use(`http://localhost:${port}`, log);
  } finally {
    await processes.stopAll();
  }
}

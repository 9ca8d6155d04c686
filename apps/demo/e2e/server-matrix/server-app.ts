import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "@playwright/test";
import { freePort } from "../../../../scripts/ports.mjs";
import { createProcesses, saysLine } from "../../../../scripts/processes.mjs";
import { tracingEnv } from "../environment.ts";
import type { Combination } from "./combinations.ts";

const folder = fileURLToPath(new URL("../fixtures/server-app/", import.meta.url));
const workspace = fileURLToPath(new URL("../../../../", import.meta.url));
const next = join(workspace, "node_modules/next/dist/bin/next");

// By name: where Next.js listens on an address, it takes a proxy's rewrite within the app for one to another host.
const HOST = "localhost";

/** A build of the app; `serve` runs it as one process of its own, as often as asked. */
export interface BuiltApp {
  readonly combination: Combination;
  /** What `next build` printed. */
  readonly buildLog: readonly string[];
  /** All of its routes, by their templates. */
  readonly routes: readonly string[];
  serve(options: ServeOptions, use: (served: ServedApp) => Promise<void>): Promise<void>;
}

export interface ServeOptions {
  /** `service.name` of this process: what its traces are found by. */
  readonly service: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file of the app that is the server in place of `next start`; not of a standalone build. */
  readonly script?: string;
}

/** The app in `next dev`, which builds each route when it is asked for. */
export function serveInDev(
  combination: Combination,
  options: ServeOptions,
  use: (served: ServedApp) => Promise<void>,
): Promise<void> {
  return serve({ combination, cwd: folder, options, isDev: true }, use);
}

export interface ServedApp {
  readonly service: string;
  /** Origin and base path. */
  readonly url: string;
  readonly pid: number;
  /** What the process has printed so far. */
  readonly log: readonly string[];
}

/** Builds the app for one combination, and takes away what it left outside the project. */
export async function withBuild(
  combination: Combination,
  use: (built: BuiltApp) => Promise<void>,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { processes, log } = listeningProcesses();
  const env = { ...tracingEnv("server-app"), ...buildEnvOf(combination), ...more };
  const args = [next, "build", ...(combination.webpack ? ["--webpack"] : [])];
  await processes.run({ name: `next build (${combination.name})`, args, cwd: folder, env });
  const routes = routesOf(combination);
  const copy = combination.standalone ? moveStandalone(combination) : undefined;
  const cwd = copy ? join(copy, "apps/demo/e2e/fixtures/server-app") : folder;
  try {
    await use({
      combination,
      buildLog: log,
      routes,
      serve: (options, run) => serve({ combination, cwd, options }, run),
    });
  } finally {
    if (copy) rmSync(copy, { recursive: true, force: true });
  }
}

function listeningProcesses(): {
  readonly processes: ReturnType<typeof createProcesses>;
  readonly log: readonly string[];
} {
  const log: string[] = [];
  const onLine = (_: string, line: string): undefined => {
    log.push(line);
  };
  return { processes: createProcesses({ onLine }), log };
}

function buildEnvOf(combination: Combination): Record<string, string> {
  return {
    NEXT_TELEMETRY_DISABLED: "1",
    NEXT_DIST_DIR: distDirOf(combination),
    COMBINATION: JSON.stringify(combination),
  };
}

function routesOf(combination: Combination): readonly string[] {
  const file = join(folder, distDirOf(combination), "routes-manifest.json");
  const { staticRoutes, dynamicRoutes } = JSON.parse(readFileSync(file, "utf8")) as Record<
    "staticRoutes" | "dynamicRoutes",
    readonly { readonly page: string }[]
  >;
  return [...staticRoutes, ...dynamicRoutes].map(({ page }) => page).filter((page) => !page.startsWith("/_"));
}

function distDirOf({ name }: Combination): string {
  return `.next-${name}`;
}

/**
 * As a Dockerfile does it; outside the project, because Node looks for packages in every folder above. The build goes, so
 * that nothing is found there by its old path.
 */
function moveStandalone(combination: Combination): string {
  const target = mkdtempSync(join(tmpdir(), "server-app-"));
  const built = join(folder, distDirOf(combination));
  cpSync(join(built, "standalone"), target, { recursive: true, verbatimSymlinks: true });
  const inside = join(target, "apps/demo/e2e/fixtures/server-app");
  cpSync(join(built, "static"), join(inside, distDirOf(combination), "static"), { recursive: true });
  cpSync(join(folder, "public"), join(inside, "public"), { recursive: true });
  rmSync(built, { recursive: true });
  return target;
}

interface Serving {
  readonly combination: Combination;
  readonly cwd: string;
  readonly options: ServeOptions;
  readonly isDev?: boolean;
}

async function serve(
  { combination, cwd, options, isDev = false }: Serving,
  use: (served: ServedApp) => Promise<void>,
): Promise<void> {
  const { processes, log } = listeningProcesses();
  const port = await freePort(0);
  // A second try must not find the traces of the first.
  const { retry } = test.info();
  const service = retry === 0 ? options.service : `${options.service}-${retry}`;
  const nextArgs = isDev ? ["dev", combination.webpack ? "--webpack" : "--turbopack"] : ["start"];
  const args = combination.standalone
    ? ["server.js"]
    : options.script
      ? [options.script]
      : [next, ...nextArgs, "-p", String(port), "-H", HOST];
  const env = {
    ...tracingEnv(service),
    ...buildEnvOf(combination),
    PORT: String(port),
    HOSTNAME: HOST,
    ...options.env,
  };
  try {
    const { child } = await processes.start({ name: service, args, cwd, env, ready: saysLine(/Ready in/) });
    const url = `http://${HOST}:${port}${combination.basePath ? "/base" : ""}`;
    await use({ service, url, pid: child.pid ?? 0, log });
  } finally {
    await processes.stopAll();
  }
}

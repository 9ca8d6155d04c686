import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { WebOptions } from "@throughline/server/next-config";
import { freePort } from "../../../scripts/ports.mjs";
import { createProcesses, saysLine } from "../../../scripts/processes.mjs";
import type { Outcome } from "./browser-spans.ts";
import { tracingEnv } from "./environment.ts";

const app = fileURLToPath(new URL("fixtures/context-app/", import.meta.url));
const next = fileURLToPath(new URL("../../../node_modules/next/dist/bin/next", import.meta.url));

/** From click to fetch, each through one thing that may lose the context. */
export const CASES = [
  "sync",
  "await-promise",
  "await-fetch",
  "await-null",
  "await-timer",
  "await-json",
  "nested-async",
  "catch",
  "finally",
  "for-await",
  "promise-all",
  "dynamic-import",
  "set-timeout",
  "then-chain",
  "raf",
  "microtask",
  "event-target",
  "message-channel",
  "xhr",
  "child-span",
  "twenty-awaits",
  "transition",
  "form-action",
  "lib-await",
  "lib-timer",
  "lib-generator",
  "lib-catch",
] as const;

type Case = (typeof CASES)[number];

/** Where what is awaited is no promise of the engine's, and asks only then. */
export const THENABLES = ["thenable-await", "thenable-return"] as const;

export interface Build {
  readonly name: string;
  readonly flags: readonly string[];
  readonly options: WebOptions;
  /** Whether async functions reach the browser as they were written. */
  readonly native: boolean;
  /** The cases that lose their click, and what their requests are then. */
  readonly lost: readonly Case[];
  readonly otherwise: Outcome;
  /** What the unnamed library's requests are while one click is open, and while two are. */
  readonly foreign: readonly [alone: Outcome, besideAnother: Outcome];
  /** What the requests of `THENABLES` are. */
  readonly thenables: Outcome;
  /** How many times two clicks overlap, and two spans. */
  readonly pairs: number;
}

const LOWERED = {
  options: {},
  native: false,
  lost: [],
  otherwise: "inferred",
  foreign: ["inferred", "root"],
  thenables: "exact",
  pairs: 200,
} as const;

/** One build a row; each is tried with every case. */
export const BUILDS: readonly Build[] = [
  { name: "turbopack", flags: [], ...LOWERED },
  { name: "webpack", flags: ["--webpack"], ...LOWERED, options: { xhr: true } },
  {
    name: "await-hook",
    flags: [],
    options: { context: "await-hook" },
    native: true,
    // Only promises are asked for their constructor: https://tc39.es/ecma262/#sec-promise-resolve
    lost: ["await-null"],
    otherwise: "inferred",
    foreign: ["exact", "exact"],
    // Nor are these asked for it.
    thenables: "inferred",
    pairs: 20,
  },
  {
    name: "classic",
    flags: [],
    options: { preset: "classic" },
    native: false,
    // zone.js does not patch message ports, and nothing infers.
    lost: ["message-channel"],
    otherwise: "root",
    foreign: ["root", "root"],
    thenables: "exact",
    pairs: 20,
  },
];

/** The package that stands for one of the registry, under its two names. */
export function installPackages(): void {
  // Packages of the registry are foreign code by their folder, and Git does not keep that folder.
  rmSync(join(app, "node_modules"), { recursive: true, force: true });
  for (const name of ["native-async", "foreign-async"])
    cpSync(join(app, "native-async"), join(app, "node_modules", name), { recursive: true });
}

/** Everything that this build may send to a browser. */
export function clientCodeOf({ name }: Build): string {
  const folder = join(app, `.next-${name}`, "static");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js"))
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("\n");
}

/** Builds the app as this row says and serves it meanwhile. */
export async function withApp(build: Build, use: (url: string) => Promise<void>): Promise<void> {
  const processes = createProcesses();
  try {
    await use(await startApp(build, processes));
  } finally {
    await processes.stopAll();
  }
}

/** Builds the app as this row says and serves it; resolves with its address. */
export async function startApp(
  { name, flags, options }: Pick<Build, "name" | "flags" | "options">,
  processes: ReturnType<typeof createProcesses>,
): Promise<string> {
  const env = {
    ...tracingEnv("context-app"),
    NEXT_DIST_DIR: `.next-${name}`,
    NEXT_TELEMETRY_DISABLED: "1",
    TRACING_OPTIONS: JSON.stringify(options),
  };
  await processes.run({ name: `next build (${name})`, args: [next, "build", ...flags], cwd: app, env });
  const port = await freePort(0);
  await processes.start({
    name: "the context app",
    args: [next, "start", "-p", String(port), "-H", "127.0.0.1"],
    cwd: app,
    env,
    ready: saysLine(/Ready in/),
  });
  return `http://localhost:${port}/`;
}

import { fileURLToPath } from "node:url";
import { expect } from "@playwright/test";
import { casesOf } from "./cases/index.ts";
import { flush, runEntries } from "./run-cases.ts";
import type { BuiltApp } from "./server-app.ts";

/** Each kind of entry, in a build that has a proxy. */
const ENTRIES = [
  "/api/plain",
  "/api/classic",
  "/action",
  "/rsc/7?_rsc=",
  "/proxied/direct",
  "/proxied/rewrite",
];

/** By its path here: a standalone copy has it not, nor what it loads. */
const UPSTREAM_HTTP = fileURLToPath(new URL("../fixtures/server-app/upstream-http.cjs", import.meta.url));
const ON = { NODE_OPTIONS: `--require=${UPSTREAM_HTTP}` };

const SURROUNDINGS: readonly Surrounding[] = [
  { name: "verbose", env: { NEXT_OTEL_VERBOSE: "1" } },
  { name: "upstream", env: { UPSTREAM_HTTP: "1" } },
  { name: "verbose-upstream", env: { NEXT_OTEL_VERBOSE: "1", UPSTREAM_HTTP: "1" }, isInCopies: true },
  { name: "upstream-on", env: ON, isInCopies: true },
  {
    name: "upstream-on-one-api",
    env: { ...ON, ONE_API: "1" },
    library: "@opentelemetry/instrumentation-http",
  },
];

interface Surrounding {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whose the SERVER spans are, where not Next.js's. */
  readonly library?: string;
  /** Whether a standalone copy is served in it too: each costs a start. */
  readonly isInCopies?: boolean;
}

/**
 * Who else has a say in the SERVER span: Next.js's verbose spans, and OpenTelemetry's instrumentation of http, handed over
 * or on.
 */
export async function checkEntryTable(
  { combination, serve }: BuiltApp,
  given: Readonly<Record<string, string>>,
): Promise<void> {
  if (!combination.proxy) return;
  const cases = casesOf(combination).filter(({ path, isReplaced }) => ENTRIES.includes(path) && !isReplaced);
  for (const { name, env, library, isInCopies } of SURROUNDINGS) {
    if (combination.standalone && !isInCopies) continue;
    const service = `server-app-${combination.name}-${name}-entries`;
    await serve({ service, env: { ...given, ...env } }, async (app) => {
      // It is answered when register() is over; Next.js calls itself ready before.
      await flush(app, combination);
      await runEntries(cases, app, combination, library);
      const told = app.log.filter((line) => line.includes("runs beside this package"));
      expect.soft(told, `what ${service} says of doubles`).toHaveLength(library ? 1 : 0);
    });
  }
}

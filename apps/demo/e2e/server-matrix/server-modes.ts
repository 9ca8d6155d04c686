import { expect } from "@playwright/test";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import type { Case } from "./case.ts";
import { casesOf } from "./cases/index.ts";
import { runCases, runEntries } from "./run-cases.ts";
import type { BuiltApp, ServeOptions } from "./server-app.ts";

const REPLACED = ["/ssr/missing", "/ssr/broken", "/fixed/other", "/only/other"];

type Env = Readonly<Record<string, string>>;

/** The same build, run in other ways. */
export async function checkModes(built: BuiltApp, env: Env): Promise<void> {
  const { combination } = built;
  const service = `server-app-${combination.name}`;
  const verbose = { ...env, NEXT_OTEL_VERBOSE: "1" };
  await built.serve({ service: `${service}-verbose`, env: verbose }, async (app) => {
    // Where another page answers in its place, Next.js has forgotten the page's route by then.
    const known = casesOf(combination).filter(({ path }) => !REPLACED.includes(path));
    await runEntries(known, app, combination);
  });
  if (combination.standalone) return;
  const script = "custom-server.mjs";
  await built.serve({ service: `${service}-custom`, env, script }, (app) =>
    runCases(casesOf(combination), app, combination),
  );
  const first = { ...env, TRACED_FIRST: "1" };
  await built.serve({ service: `${service}-custom-first`, env: first, script }, (app) =>
    runCases([...casesOf(combination), OWN], app, combination),
  );
  await checkEnd(built, { service: `${service}-custom-end`, env, script });
  await checkEnd(built, { service: `${service}-custom-first-end`, env: first, script });
}

/** A signal that only tracing hears ends a custom server; the batch would leave a minute later. */
async function checkEnd(built: BuiltApp, options: ServeOptions): Promise<void> {
  const [asked, probed] = [newTraceparent(), newTraceparent()];
  const env = { ...options.env, OTEL_BSP_SCHEDULE_DELAY: "60000" };
  await built.serve({ ...options, env }, async (app) => {
    const calls = { "/api/plain": asked, "/healthz": probed };
    for (const [path, { header }] of Object.entries(calls))
      await (await fetch(app.url + path, { headers: { traceparent: header } })).text();
    process.kill(app.pid, "SIGTERM");
    const names = async () => (await readTrace(asked.traceId))?.rows.map(({ label }) => label);
    await expect.poll(names, options.service).toContain("GET /api/plain");
  });
  expect(await readTrace(probed.traceId), `a probe of ${options.service}`).toBeUndefined();
}

/** What a custom server answers itself, where tracing was started before Next.js. */
const OWN: Case = {
  title: "an answer of the custom server",
  path: "/own",
  status: 200,
  below: [],
  isBesideNext: true,
};

import type { Case } from "./case.ts";
import { casesOf } from "./cases/index.ts";
import { runCases, runEntries } from "./run-cases.ts";
import type { BuiltApp } from "./server-app.ts";

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
}

/** What a custom server answers itself, where tracing was started before Next.js. */
const OWN: Case = {
  title: "an answer of the custom server",
  path: "/own",
  status: 200,
  below: [],
  isBesideNext: true,
};

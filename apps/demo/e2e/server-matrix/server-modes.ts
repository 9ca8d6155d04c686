import { expect } from "@playwright/test";
import { listTraces, readTrace } from "../trace-reading.ts";
import type { Case } from "./case.ts";
import { casesOf } from "./cases/index.ts";
import type { Combination } from "./combinations.ts";
import { flush, runCases, runEntries, urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";

type Env = Readonly<Record<string, string>>;

/** The same build, run in other ways. */
export async function checkModes(built: BuiltApp, env: Env): Promise<void> {
  const { combination } = built;
  const service = `server-app-${combination.name}`;
  const verbose = { ...env, NEXT_OTEL_VERBOSE: "1" };
  await built.serve({ service: `${service}-verbose`, env: verbose }, async (app) => {
    // Where `/_error` answers in its place, Next.js has forgotten the page's route by then.
    const known = casesOf(combination).filter(({ path }) => !["/ssr/missing", "/ssr/broken"].includes(path));
    await runEntries(known, app, combination);
    await expectBoundedNames(app, combination);
  });
  if (combination.standalone) return;
  const script = "custom-server.mjs";
  await built.serve({ service: `${service}-custom`, env, script }, (app) =>
    runCases(casesOf(combination), app, combination),
  );
  const first = { ...env, TRACED_FIRST: "1" };
  await built.serve({ service: `${service}-custom-first`, env: first, script }, (app) =>
    runCases([...casesOf(combination).filter(isOneRequest(combination)), OWN], app, combination),
  );
}

/** Where the server opens the SERVER spans, Next.js's redirect to an address with a slash has one of its own. */
function isOneRequest({ base }: Combination) {
  return ({ title }: Case): boolean => !(base && title.startsWith("a server action that redirects"));
}

/** What a custom server answers itself, where tracing was started before Next.js. */
const OWN: Case = {
  title: "an answer of the custom server",
  path: "/own",
  status: 200,
  below: [],
  isBesideNext: true,
};

const FUZZED = 300;
/** `GET`, `HEAD`, … where no route is known. */
const SPARE = 5;

/** Random addresses below and beside the routes: the names of what they leave are as few as the routes. */
async function expectBoundedNames(app: ServedApp, combination: Combination): Promise<void> {
  for (let index = 0; index < FUZZED; index += 25) {
    const paths = Array.from({ length: 25 }, () => randomPath());
    const responses = await Promise.all(
      paths.map((path) => fetch(urlOf(path, app, combination), { redirect: "manual" })),
    );
    await Promise.all(responses.map((response) => response.text()));
  }
  await flush(app, combination);
  const traces = await listTraces({ service: app.service });
  expect.soft(traces.length, "traces of the random addresses").toBeGreaterThan(FUZZED);
  const names = new Set(
    (await Promise.all(traces.map(({ traceId }) => readTrace(traceId)))).flatMap((document) =>
      (document?.spans ?? []).filter(({ kind }) => kind === "server").map(({ name }) => name),
    ),
  );
  const routes = new Set(casesOf(combination).map(({ route }) => route));
  const methods = 2;
  expect.soft(names.size, [...names].join("\n")).toBeLessThanOrEqual(routes.size * methods + SPARE);
  const ids = [...names].filter((name) => /[0-9a-f]{8}/.test(name));
  expect.soft(ids, "names with something of an address").toEqual([]);
}

const BELOW = [
  "/api/items",
  "/rsc",
  "/ssr",
  "/ssg",
  "/api/parts",
  "/generated",
  "/api",
  "",
  "/static",
  "/a/b",
];

function randomPath(): string {
  const words = crypto.randomUUID().split("-").slice(0, 2);
  const under = BELOW[Math.floor(Math.random() * BELOW.length)] ?? "";
  return `${under}/${Math.random() < 0.7 ? words[0] : words.join("/")}?q=${words[1]}`;
}

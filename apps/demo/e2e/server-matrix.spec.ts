import { expect, test } from "@playwright/test";
import { createProcesses } from "../../../scripts/processes.mjs";
import { findRedis, startRedis } from "../../../scripts/services.mjs";
import { checkAttacks } from "./server-matrix/attacks.ts";
import { checkBesideSentry } from "./server-matrix/beside-sentry.ts";
import { casesOf } from "./server-matrix/cases/index.ts";
import { libraries } from "./server-matrix/cases/libraries.ts";
import { serverActions } from "./server-matrix/cases/server-actions.ts";
import { COMBINATIONS, type Combination } from "./server-matrix/combinations.ts";
import { type Downstream, startDownstream } from "./server-matrix/downstream.ts";
import { checkEntryTable } from "./server-matrix/entry-table.ts";
import { checkFailingRegister } from "./server-matrix/failing-register.ts";
import { checkFrozenHost } from "./server-matrix/frozen-host.ts";
import { expectLinkedCases } from "./server-matrix/linked-calls.ts";
import { checkLongAnswers } from "./server-matrix/long-answers.ts";
import { checkManualSpansInDev } from "./server-matrix/manual-spans.ts";
import { checkNoise } from "./server-matrix/noise.ts";
import { checkPipeline } from "./server-matrix/pipeline.ts";
import { checkRandomAddresses } from "./server-matrix/random-addresses.ts";
import { runCases } from "./server-matrix/run-cases.ts";
import { serveInDev, withBuild } from "./server-matrix/server-app.ts";
import { checkCustomServers, checkModes } from "./server-matrix/server-modes.ts";
import { checkTools } from "./server-matrix/tools.ts";
import { checkWithoutKit, warningsIn } from "./server-matrix/without-kit.ts";

/** The builds that are run in further ways, and the one that meets what a server meets in production. */
const MODES = ["turbopack", "webpack-cacheComponents-basePath-trailingSlash"];
/** The hardest for a custom server: two passes of Next.js over each request. */
const TWO_PASSES = "turbopack-cacheComponents-proxy-basePath";
const PRODUCTION = "turbopack";
/** Those from which spans go by gRPC, and metrics beside them. */
const PIPELINE = ["turbopack", "webpack-standalone-cacheComponents-proxy"];

/** Called by the router, and posted: two ways to the name of an action, which dev knows otherwise than a build does. */
const DEV_ACTIONS = ["a server action", "a form that is posted without JavaScript"];

const DEFAULT: Combination = {
  name: "",
  webpack: false,
  standalone: false,
  cacheComponents: false,
  proxy: false,
  basePath: false,
  trailingSlash: false,
};

const processes = createProcesses();
let downstream: Downstream;
/** What the app is told of the services it uses. */
let env: Record<string, string>;

test.beforeAll(async () => {
  downstream = await startDownstream();
  env = { DOWNSTREAM_URL: downstream.url, DATABASE_URL: process.env.E2E_DATABASE_URL ?? "" };
  // Where there is none its cases are left out; `npm test` says so, and on CI there is one.
  if (findRedis()) env.REDIS_URL = (await startRedis({ processes })).url;
});
test.afterAll(async () => {
  await processes.stopAll();
  await downstream.stop();
});

test("every pair of choices is in some build", () => {
  const told = COMBINATIONS.flatMap(({ name: _, ...choices }) => pairsOf(Object.entries(choices)));
  const { name: _, ...choices } = DEFAULT;
  const all = pairsOf(
    Object.keys(choices).flatMap((choice) => [true, false].map((is) => [choice, is] as const)),
  );
  expect(new Set(told)).toEqual(new Set(all));
});

for (const combination of COMBINATIONS) {
  test(`${combination.name}: every request is one whole trace`, async () => {
    test.setTimeout(combination.name === PRODUCTION ? 480_000 : 300_000);
    await withBuild(
      combination,
      async (built) => {
        await built.serve({ service: `server-app-${combination.name}`, env }, async (app) => {
          const before = downstream.received.length;
          await runCases(casesOf(combination), app, combination);
          await expectLinkedCases(downstream.received.slice(before), combination);
          const unpatched = app.log.filter((line) => line.includes("NOT patched"));
          expect.soft(unpatched, "libraries that are said not to be patched").toEqual([]);
          const warned = app.log.filter((line) => line.includes("MaxListeners"));
          expect.soft(warned, "responses with too many listeners").toEqual([]);
        });
        await checkTools(built, env, downstream);
        expectQuiet(built.buildLog);
        await checkEntryTable(built, env);
        if (MODES.includes(combination.name)) await checkModes(built, env);
        if (PIPELINE.includes(combination.name)) await checkPipeline(built, env);
        if (combination.name === TWO_PASSES) await checkCustomServers(built, env);
        if ([PRODUCTION, TWO_PASSES].includes(combination.name)) await checkNoise(built, env);
        if (combination.name !== PRODUCTION) return;
        await checkFailingRegister(built, env);
        await checkFrozenHost(built, env);
        await checkLongAnswers(built, env);
        await checkAttacks(built, env, downstream);
        await checkRandomAddresses(built, env);
        await checkBesideSentry(built, env);
        await checkWithoutKit(built, env);
      },
      env,
    );
  });
}

for (const bundler of ["turbopack", "webpack"]) {
  test(`next dev with ${bundler}: a call of pg, ioredis and pino is one span or one line in its trace, a server action a span, and nothing is warned of`, async () => {
    test.setTimeout(180_000);
    const webpack = bundler === "webpack";
    const combination = { ...DEFAULT, name: `dev-${bundler}`, webpack, cacheComponents: !webpack };
    await serveInDev(combination, { service: `server-app-dev-${bundler}`, env }, async (app) => {
      const actions = serverActions(combination).filter(({ title }) => DEV_ACTIONS.includes(title));
      expect(actions).toHaveLength(DEV_ACTIONS.length);
      await runCases([...libraries(combination), ...actions], app, combination);
      await checkManualSpansInDev(app, combination);
      expectQuiet(app.log);
    });
  });
}

// What the app without us is told too: of an option of Next.js, on CI of its empty cache, and of an optional package of
// bullmq, which makes webpack's "Compiled with warnings".
const NOT_OURS = /partialPrefetching|No build cache found|@valkey\/valkey-glide|Compiled with warnings/;

function pairsOf(choices: readonly (readonly [string, boolean])[]): readonly string[] {
  return choices.flatMap(([one, is], index) =>
    choices
      .slice(index + 1)
      .flatMap(([other, too]) => (one === other ? [] : `${one} ${is}, ${other} ${too}`)),
  );
}

/** Of builds that nobody makes without us: neither what bundlers say of hooks into require, nor any other warning. */
function expectQuiet(log: readonly string[]): void {
  const warnings = warningsIn(log).filter((line) => !NOT_OURS.test(line));
  expect.soft(warnings, "warnings").toEqual([]);
}

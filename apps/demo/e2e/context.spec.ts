import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import type { WebOptions } from "@throughline/server/next-config";
import { freePort } from "../../../scripts/ports.mjs";
import { createProcesses, saysLine } from "../../../scripts/processes.mjs";
import {
  awaitRequests,
  type BrowserSpan,
  collectSpans,
  type Outcome,
  outcomeOf,
  requestsTo,
} from "./browser-spans.ts";
import { tracingEnv } from "./environment.ts";

const app = fileURLToPath(new URL("fixtures/context-app/", import.meta.url));
const next = fileURLToPath(new URL("../../../node_modules/next/dist/bin/next", import.meta.url));
const REQUESTS_OF_A_FLOW = 3;
/** As long as a click without work may be taken for a parent. */
const IDLE_MS = 1000;

/** From click to fetch, each through one thing that may lose the context. */
const CASES = [
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

/** The library of the last four again, under a name that `transpilePackages` does not hold. */
const FOREIGN = ["foreign-await", "foreign-timer", "foreign-generator", "foreign-catch"] as const;

interface Build {
  readonly name: string;
  readonly flags: readonly string[];
  readonly options: WebOptions;
  /** Whether async functions reach the browser as they were written. */
  readonly native: boolean;
  /** How many of the cases keep their click; what the others are. */
  readonly exact: number;
  readonly otherwise: Outcome;
  /** What the unnamed library's requests are while one click is open, and while two are. */
  readonly foreign: readonly [alone: Outcome, besideAnother: Outcome];
  /** How many times two clicks overlap. */
  readonly pairs: number;
}

const LOWERED = {
  options: {},
  native: false,
  exact: 27,
  otherwise: "inferred",
  foreign: ["inferred", "root"],
  pairs: 200,
} as const;

const BUILDS: readonly Build[] = [
  { name: "turbopack", flags: [], ...LOWERED },
  { name: "webpack", flags: ["--webpack"], ...LOWERED },
  {
    name: "await-hook",
    flags: [],
    options: { context: "await-hook" },
    native: true,
    // All but `await null`: https://tc39.es/ecma262/#sec-promise-resolve asks only promises for their constructor.
    exact: 26,
    otherwise: "inferred",
    foreign: ["exact", "exact"],
    pairs: 50,
  },
];

interface Seen {
  readonly owners: Readonly<Record<string, string>>;
  readonly clickedAt: number;
  readonly finished: number;
  readonly native: boolean;
  readonly ready: boolean;
}

test.describe.configure({ mode: "serial" });

test.beforeAll(() => {
  // Packages of the registry are foreign code by their folder, and Git does not keep that folder.
  rmSync(join(app, "node_modules"), { recursive: true, force: true });
  for (const name of ["native-async", "foreign-async"])
    cpSync(join(app, "native-async"), join(app, "node_modules", name), { recursive: true });
});

for (const build of BUILDS) {
  test(`${build.name}: each of the ${CASES.length} ways from a click to a fetch keeps the click or says that it guessed, and ${build.pairs} overlapping pairs never cross`, async ({
    page,
  }, testInfo) => {
    test.setTimeout(300_000);
    await withApp(build, async (url) => {
      const spans = collectSpans(page);
      await openPage(page, url);
      expect((await seenBy(page)).native).toBe(build.native);

      const outcomes = await clickEveryCase(page, spans);
      const table = [...outcomes].map(([name, outcome]) => `${name.padEnd(18)}${outcome}`).join("\n");
      console.log(`${build.name}\n${table}`);
      await testInfo.attach("context", { body: table });
      const others = [...outcomes].filter(([, outcome]) => outcome !== "exact");
      expect(outcomes.size).toBe(CASES.length);
      expect([...outcomes.values()]).not.toContain("WRONG");
      expect(others.length, table).toBeLessThanOrEqual(CASES.length - build.exact);
      for (const [name] of others) expect(await clickAlone(page, spans, name), name).toBe(build.otherwise);

      await testForeignPackage(page, spans, build);
      await testNextsOwnRequests(page, spans);
      await openPage(page, url);
      await testOverlappingPairs(page, spans, build.pairs);
    });
  });
}

async function withApp({ name, flags, options }: Build, use: (url: string) => Promise<void>): Promise<void> {
  const env = {
    ...tracingEnv("context-app"),
    NEXT_DIST_DIR: `.next-${name}`,
    NEXT_TELEMETRY_DISABLED: "1",
    TRACING_OPTIONS: JSON.stringify(options),
  };
  const processes = createProcesses();
  try {
    await processes.run({ name: `next build (${name})`, args: [next, "build", ...flags], cwd: app, env });
    const port = await freePort(0);
    await processes.start({
      name: "the context app",
      args: [next, "start", "-p", String(port), "-H", "127.0.0.1"],
      cwd: app,
      env,
      ready: saysLine(/Ready in/),
    });
    await use(`http://localhost:${port}/`);
  } finally {
    await processes.stopAll();
  }
}

async function openPage(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => (globalThis as unknown as { seen?: Seen }).seen?.ready);
}

async function clickEveryCase(
  page: Page,
  spans: readonly BrowserSpan[],
): Promise<ReadonlyMap<string, Outcome>> {
  for (const name of CASES) await click(page, name);
  const { owners } = await seenBy(page);
  const outcomes = new Map<string, Outcome>();
  for (const name of CASES) {
    const [request] = await awaitRequests(spans, `/api/echo/${name}`, 1);
    outcomes.set(name, await outcomeOf(request, owners[name], spans));
  }
  const [child] = await awaitRequests(spans, "/api/echo/child-span", 1);
  expect(child?.parentSpanId, "the innermost span is the parent").not.toBe(owners["child-span"]);
  return outcomes;
}

/** A click and the answer to the request it leads to. */
async function click(page: Page, name: string): Promise<void> {
  const answer = page.waitForResponse((response) => response.url().endsWith(`/api/echo/${name}`));
  await page.getByRole("button", { name, exact: true }).click();
  await (await answer).finished();
}

/** Once more, when every click before has ended. */
async function clickAlone(page: Page, spans: readonly BrowserSpan[], name: string): Promise<Outcome> {
  await expect.poll(async () => openClicks(await seenBy(page), spans)).toEqual([]);
  await page.waitForFunction((ms) => {
    const { clickedAt } = (globalThis as unknown as { seen: Seen }).seen;
    return performance.now() - clickedAt > ms;
  }, IDLE_MS);
  return clickAgain(page, spans, name);
}

async function clickAgain(page: Page, spans: readonly BrowserSpan[], name: string): Promise<Outcome> {
  const path = `/api/echo/${name}`;
  const before = requestsTo(spans, path);
  await click(page, name);
  const request = (await awaitRequests(spans, path, before.length + 1)).find(
    (span) => !before.includes(span),
  );
  return outcomeOf(request, (await seenBy(page)).owners[name], spans);
}

/** Clicks whose work has not been exported; one whose work had lost it never is. */
function openClicks({ owners }: Seen, spans: readonly BrowserSpan[]): readonly string[] {
  const below = new Set(spans.map(({ parentSpanId }) => parentSpanId));
  const ended = new Set(spans.map(({ spanId }) => spanId));
  return Object.values(owners).filter((spanId) => below.has(spanId) && !ended.has(spanId));
}

async function testForeignPackage(
  page: Page,
  spans: readonly BrowserSpan[],
  { foreign: [alone, besideAnother] }: Build,
): Promise<void> {
  for (const name of FOREIGN) expect(await clickAlone(page, spans, name), `${name}, alone`).toBe(alone);
  const held = page.waitForRequest("**/api/gate");
  await page.getByRole("button", { name: "held" }).click();
  await held;
  for (const name of FOREIGN) {
    expect(await clickAgain(page, spans, name), `${name}, beside another click`).toBe(besideAnother);
  }
  await page.evaluate(() => navigator.sendBeacon("/api/gate"));
  const { owners } = await seenBy(page);
  const [gate] = await awaitRequests(spans, "/api/gate", 1);
  expect(await outcomeOf(gate, owners.held, spans)).toBe("exact");
  const stolen = spans.filter(({ parentSpanId }) => parentSpanId === owners.held);
  expect(stolen, "the click that waited has no request but its own").toHaveLength(1);
}

async function testNextsOwnRequests(page: Page, spans: readonly BrowserSpan[]): Promise<void> {
  await page.getByRole("button", { name: "server-action" }).click();
  await page.getByText("doubled: 4").waitFor();
  await page.getByRole("button", { name: "router-push" }).click();
  await page.getByRole("heading", { name: "The other page" }).waitFor();
  const { owners } = await seenBy(page);
  const [posted] = await awaitRequests(spans, "/", 1);
  expect(await outcomeOf(posted, owners["server-action"], spans), "the server action's request").toBe(
    "exact",
  );
  const [pushed] = await awaitRequests(spans, "/other", 1);
  expect(await outcomeOf(pushed, owners["router-push"], spans), "the router's request").toBe("exact");
}

async function testOverlappingPairs(page: Page, spans: readonly BrowserSpan[], pairs: number): Promise<void> {
  const middles: { readonly x: number; readonly y: number }[] = [];
  for (const name of ["a", "b"]) {
    const box = await page.getByRole("button", { name, exact: true }).boundingBox();
    if (!box) throw new Error(`button ${name} cannot be seen`);
    middles.push({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
  }
  for (let pair = 1; pair <= pairs; pair++) {
    for (const { x, y } of middles) await page.mouse.click(x, y);
    await page.waitForFunction(
      (finished) => (globalThis as unknown as { seen: Seen }).seen.finished === finished,
      2 * pair,
    );
  }
  const { owners } = await seenBy(page);
  const outcomes: Outcome[] = [];
  for (const flow of Object.keys(owners).filter((name) => name.startsWith("flow-"))) {
    const requests = await awaitRequests(spans, `/api/echo/${flow}-`, REQUESTS_OF_A_FLOW);
    for (const request of requests) outcomes.push(await outcomeOf(request, owners[flow], spans));
  }
  expect(new Set(Object.values(owners)).size, "every click is a span of its own").toBe(2 * pairs);
  expect(outcomes).toHaveLength(2 * pairs * REQUESTS_OF_A_FLOW);
  expect(outcomes.filter((outcome) => outcome !== "exact")).toEqual([]);
}

function seenBy(page: Page): Promise<Seen> {
  return page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);
}

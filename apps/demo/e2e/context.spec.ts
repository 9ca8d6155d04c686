import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "@playwright/test";
import { freePort } from "../../../scripts/ports.mjs";
import { createProcesses, saysLine } from "../../../scripts/processes.mjs";
import { tracingEnv } from "./environment.ts";

const app = fileURLToPath(new URL("fixtures/context-app/", import.meta.url));
const next = fileURLToPath(new URL("../../../node_modules/next/dist/bin/next", import.meta.url));
const PAIRS = 200;
const REQUESTS_OF_A_FLOW = 3;

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

/** As OTLP numbers it. */
const CLIENT = 3;

interface Sent {
  readonly spanId: string;
  readonly kind: number;
  readonly parentSpanId?: string;
  readonly attributes?: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string };
  }[];
}

interface Seen {
  readonly owners: Readonly<Record<string, string>>;
  readonly finished: number;
}

type Outcome = "exact" | "inferred" | "root" | "WRONG";

test.describe.configure({ mode: "serial" });

test.beforeAll(() => {
  // Packages of the registry are foreign code by their folder, and Git does not keep that folder.
  rmSync(join(app, "node_modules"), { recursive: true, force: true });
  cpSync(join(app, "native-async"), join(app, "node_modules/native-async"), { recursive: true });
});

for (const bundler of ["turbopack", "webpack"] as const) {
  test(`${bundler}: each of the ${CASES.length} ways from a click to a fetch keeps the click, and 200 overlapping pairs never cross`, async ({
    page,
  }, testInfo) => {
    test.setTimeout(300_000);
    const env = {
      ...tracingEnv("context-app"),
      NEXT_DIST_DIR: `.next-${bundler}`,
      NEXT_TELEMETRY_DISABLED: "1",
    };
    const processes = createProcesses();
    try {
      const flags = bundler === "webpack" ? ["--webpack"] : [];
      await processes.run({
        name: `next build (${bundler})`,
        args: [next, "build", ...flags],
        cwd: app,
        env,
      });
      const port = await freePort(0);
      await processes.start({
        name: "the context app",
        args: [next, "start", "-p", String(port), "-H", "127.0.0.1"],
        cwd: app,
        env,
        ready: saysLine(/Ready in/),
      });
      const spans = collectSpans(page);
      await page.goto(`http://localhost:${port}/`);

      const outcomes = await clickEveryCase(page, spans);
      const table = [...outcomes].map(([name, outcome]) => `${name.padEnd(18)}${outcome}`).join("\n");
      console.log(`${bundler}\n${table}`);
      await testInfo.attach("context", { body: table });
      const exact = [...outcomes].filter(([, outcome]) => outcome === "exact");
      expect(outcomes.size).toBe(CASES.length);
      expect([...outcomes.values()]).not.toContain("WRONG");
      expect([...outcomes.values()]).not.toContain("root");
      expect(exact.length, table).toBeGreaterThanOrEqual(25);

      await testNextsOwnRequests(page, spans);
      await page.goto(`http://localhost:${port}/`);
      await testOverlappingPairs(page, spans);
    } finally {
      await processes.stopAll();
    }
  });
}

/** What the page exports, as it leaves the page. */
function collectSpans(page: Page): Sent[] {
  const spans: Sent[] = [];
  page.on("request", (request) => {
    if (!request.url().endsWith("/v1/traces")) return;
    const body = request.postDataJSON() as {
      resourceSpans: { scopeSpans: { spans: Sent[] }[] }[];
    };
    for (const { scopeSpans } of body.resourceSpans)
      for (const scope of scopeSpans) spans.push(...scope.spans);
  });
  return spans;
}

async function clickEveryCase(page: Page, spans: readonly Sent[]): Promise<ReadonlyMap<string, Outcome>> {
  for (const name of CASES) {
    const answer = page.waitForResponse((response) => response.url().endsWith(`/api/echo/${name}`));
    await page.getByRole("button", { name, exact: true }).click();
    await (await answer).finished();
  }
  const { owners } = await seenBy(page);
  const outcomes = new Map<string, Outcome>();
  for (const name of CASES) {
    const [request] = await requestsTo(spans, `/api/echo/${name}`, 1);
    outcomes.set(name, await outcomeOf(request, owners[name], spans));
  }
  const [child] = await requestsTo(spans, "/api/echo/child-span", 1);
  expect(child?.parentSpanId, "the innermost span is the parent").not.toBe(owners["child-span"]);
  return outcomes;
}

async function testNextsOwnRequests(page: Page, spans: readonly Sent[]): Promise<void> {
  await page.getByRole("button", { name: "server-action" }).click();
  await page.getByText("doubled: 4").waitFor();
  await page.getByRole("button", { name: "router-push" }).click();
  await page.getByRole("heading", { name: "The other page" }).waitFor();
  const { owners } = await seenBy(page);
  const [posted] = await requestsTo(spans, "/", 1);
  expect(await outcomeOf(posted, owners["server-action"], spans), "the server action's request").toBe(
    "exact",
  );
  const [pushed] = await requestsTo(spans, "/other", 1);
  expect(await outcomeOf(pushed, owners["router-push"], spans), "the router's request").toBe("exact");
}

async function testOverlappingPairs(page: Page, spans: readonly Sent[]): Promise<void> {
  const middles: { readonly x: number; readonly y: number }[] = [];
  for (const name of ["a", "b"]) {
    const box = await page.getByRole("button", { name, exact: true }).boundingBox();
    if (!box) throw new Error(`button ${name} cannot be seen`);
    middles.push({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
  }
  for (let pair = 1; pair <= PAIRS; pair++) {
    for (const { x, y } of middles) await page.mouse.click(x, y);
    await page.waitForFunction(
      (finished) => (globalThis as unknown as { seen: Seen }).seen.finished === finished,
      2 * pair,
    );
  }
  const { owners } = await seenBy(page);
  const outcomes: Outcome[] = [];
  for (const flow of Object.keys(owners).filter((name) => name.startsWith("flow-"))) {
    const requests = await requestsTo(spans, `/api/echo/${flow}-`, REQUESTS_OF_A_FLOW);
    for (const request of requests) outcomes.push(await outcomeOf(request, owners[flow], spans));
  }
  expect(new Set(Object.values(owners)).size, "every click is a span of its own").toBe(2 * PAIRS);
  expect(outcomes).toHaveLength(2 * PAIRS * REQUESTS_OF_A_FLOW);
  expect(outcomes.filter((outcome) => outcome !== "exact")).toEqual([]);
}

function seenBy(page: Page): Promise<Seen> {
  return page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);
}

/** The spans of the requests whose path is, or with a `-` at its end begins with, this one. */
async function requestsTo(spans: readonly Sent[], path: string, count: number): Promise<readonly Sent[]> {
  const find = () =>
    spans.filter((span) => {
      const url = textOf(span, "url.full");
      // The page's own document has the address of a request too.
      if (!url || span.kind !== CLIENT) return false;
      const { pathname } = new URL(url);
      return path.endsWith("-") ? pathname.startsWith(path) : pathname === path;
    });
  await expect.poll(() => find().length, { message: `spans of requests to ${path}` }).toBe(count);
  return find();
}

/** Follows the parents up to the click the case began in. */
async function outcomeOf(
  span: Sent | undefined,
  owner: string | undefined,
  spans: readonly Sent[],
): Promise<Outcome> {
  expect(owner, "the click's span").toMatch(/^[0-9a-f]{16}$/);
  let current = span;
  let inferred = false;
  while (current?.parentSpanId) {
    inferred ||= textOf(current, "throughline.parent") === "inferred";
    if (current.parentSpanId === owner) return inferred ? "inferred" : "exact";
    const { parentSpanId } = current;
    await expect.poll(() => spans.some(({ spanId }) => spanId === parentSpanId)).toBe(true);
    current = spans.find(({ spanId }) => spanId === parentSpanId);
  }
  return current === span ? "root" : "WRONG";
}

function textOf(span: Sent, key: string): string | undefined {
  return span.attributes?.find((attribute) => attribute.key === key)?.value.stringValue;
}

import { fileURLToPath } from "node:url";
import { expect, type Page, type Request, type Response, test } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { freePort } from "../../../scripts/ports.mjs";
import { createProcesses, saysLine } from "../../../scripts/processes.mjs";
import { tracingEnv } from "./environment.ts";
import { startReplayingProxy } from "./replaying-proxy.ts";
import { awaitTrace, lines, readTrace, spanOf } from "./trace-reading.ts";

// An app with every kind of page: this file builds and serves it itself.
const app = fileURLToPath(new URL("fixtures/pages-app", import.meta.url));
const next = fileURLToPath(new URL("../../../node_modules/next/dist/bin/next", import.meta.url));
const VISITS = 20;

test.describe.configure({ mode: "serial" });
const processes = createProcesses();
let origin = "";

test.beforeAll(async () => {
  test.setTimeout(240_000);
  const env = { ...tracingEnv("pages"), NEXT_TELEMETRY_DISABLED: "1" };
  await processes.run({ name: "the build of the pages app", args: [next, "build"], cwd: app, env });
  const port = await freePort(0);
  await processes.start({
    name: "the pages app",
    args: [next, "start", "-p", String(port), "-H", "127.0.0.1"],
    cwd: app,
    env,
    ready: saysLine(/Ready in/),
  });
  origin = `http://127.0.0.1:${port}`;
});

test.afterAll(() => processes.stopAll());

/** The trace and the SERVER span that a response names. */
function servedBy(response: Response | null): { readonly traceId: string; readonly spanId: string } {
  const header = response?.headers()["server-timing"] ?? "";
  const [, traceId = "", spanId = ""] = /traceparent;desc="00-(\w{32})-(\w{16})-01"/.exec(header) ?? [];
  expect(header).toContain(spanId === "" ? "a sampled traceparent" : "traceparent");
  return { traceId, spanId };
}

async function visit(
  page: Page,
  path: string,
): Promise<{ readonly traceId: string; readonly spanId: string }> {
  return servedBy(await page.goto(origin + path, { waitUntil: "load" }));
}

/** The page load is a child of the span that served the document, and the document a child of the load. */
async function expectJoined({ traceId, spanId }: { traceId: string; spanId: string }): Promise<void> {
  await expect
    .poll(async () => (await readTrace(traceId))?.spans.map((span) => span.name) ?? [], { timeout: 20_000 })
    .toEqual(expect.arrayContaining(["page load", "document"]));
  const spans: readonly SpanJson[] = (await readTrace(traceId))?.spans ?? [];
  const byName = (name: string) => spans.filter((span) => span.name === name);
  expect(spans.filter((span) => span.spanId === spanId).map(({ kind }) => kind)).toEqual(["server"]);
  expect(byName("page load").map((span) => span.parentSpanId)).toEqual([spanId]);
  expect(byName("document").map((span) => span.parentSpanId)).toEqual([byName("page load")[0]?.spanId]);
}

const KINDS = [
  ["a dynamic page", "/dynamic"],
  ["a static page", "/static"],
  ["a `use cache` page", "/cached"],
  ["a Pages Router page", "/classic"],
] as const;

for (const [kind, path] of KINDS) {
  test(`each visit of ${kind} is a trace of its own, with the span that served it`, async ({ page }) => {
    const visits = [];
    for (let count = 0; count < VISITS; count++) visits.push(await visit(page, path));
    expect(new Set(visits.map(({ traceId }) => traceId)).size).toBe(VISITS);
    for (const served of visits) await expectJoined(served);
  });
}

test("each visit of an ISR page is a trace of its own, before, at and after a revalidation", async ({
  page,
}) => {
  const states: string[] = [];
  const visits = [];
  // Five seconds after its last rendering the page is stale once, then fresh again.
  while (visits.length < VISITS || !states.join().includes("STALE,HIT")) {
    const response = await page.goto(`${origin}/isr`, { waitUntil: "load" });
    states.push(response?.headers()["x-nextjs-cache"] ?? "");
    visits.push(servedBy(response));
  }
  expect(states).toContain("HIT");
  expect(new Set(visits.map(({ traceId }) => traceId)).size).toBe(visits.length);
  for (const served of visits.slice(-VISITS)) await expectJoined(served);
});

/** The page load span of the next post to the ingest route. */
async function postedLoad(page: Page, go: () => Promise<unknown>) {
  const isLoad = (request: Request): boolean =>
    request.url().endsWith("/v1/traces") && (request.postData() ?? "").includes('"page load"');
  const [post] = await Promise.all([page.waitForRequest(isLoad), go()]);
  const body = JSON.parse(post.postData() ?? "{}");
  const spans = body.resourceSpans[0].scopeSpans[0].spans as {
    readonly name: string;
    readonly traceId: string;
    readonly parentSpanId?: string;
    readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  }[];
  return spans.find((span) => span.name === "page load");
}

test("a header that a cache replays is refused and becomes a link", async ({ page, browser }) => {
  const proxy = await startReplayingProxy(origin, "/static");
  const context = await browser.newContext();
  try {
    const first = await postedLoad(page, () => page.goto(`${proxy.origin}/static`));
    const { traceId, spanId } = proxy.replayed();
    expect(first).toMatchObject({ traceId, parentSpanId: spanId });
    expect(first?.links).toBeUndefined();

    const second = await postedLoad(page, () => page.goto(`${proxy.origin}/static`));
    expect(second?.traceId).not.toBe(traceId);
    expect(second?.parentSpanId).toBeUndefined();
    expect(second?.links).toMatchObject([{ traceId, spanId }]);

    // Another visitor, who has never seen the span: here the age tells.
    proxy.ageBy(61_000);
    const other = await context.newPage();
    const third = await postedLoad(other, () => other.goto(`${proxy.origin}/static`));
    expect([traceId, second?.traceId]).not.toContain(third?.traceId);
    expect(third?.parentSpanId).toBeUndefined();
    expect(third?.links).toMatchObject([{ traceId, spanId }]);
  } finally {
    await context.close();
    proxy.stop();
  }
});

/** The first lines of a trace, each one level below the one before. */
async function expectPath(traceId: string, path: readonly RegExp[]): Promise<void> {
  const found = async () => {
    const trace = await readTrace(traceId);
    return trace ? lines(trace).slice(0, path.length) : [];
  };
  await expect.poll(found).toEqual(path.map((line) => expect.stringMatching(line)));
}

function traceIdOf(request: Request): string {
  const [, traceId = ""] = (request.headers().traceparent ?? "").split("-");
  expect(traceId).toHaveLength(32);
  return traceId;
}

test("a page with 30 links exports no prefetch, and a click on one is a trace down to the server", async ({
  page,
}) => {
  const prefetches: Request[] = [];
  page.on("request", (request) => {
    if (request.headers()["next-router-prefetch"]) prefetches.push(request);
  });
  await page.goto(`${origin}/links`);
  await expect
    .poll(() => new Set(prefetches.map((request) => new URL(request.url()).pathname)).size)
    .toBe(30);
  const isRsc = (request: Request): boolean =>
    "rsc" in request.headers() && !("next-router-prefetch" in request.headers());
  const [request] = await Promise.all([
    page.waitForRequest(isRsc),
    page.getByRole("link", { name: "Item 7", exact: true }).click(),
  ]);
  await expect(page.getByRole("heading", { name: "item 7" })).toBeVisible();

  await expectPath(traceIdOf(request), [
    /^click a · internal · pages-web$/,
    /^ {2}navigate \/item\/\[id\] · internal · pages-web$/,
    /^ {4}GET \/item\/7 · client · pages-web$/,
    /^ {6}.*GET \/item\/\[id\] · server · pages$/,
  ]);
  for (const prefetch of prefetches) expect(await readTrace(traceIdOf(prefetch))).toBeUndefined();
});

test("a click on a link of the Pages Router is a trace down to the server that answers for data", async ({
  page,
}) => {
  await page.goto(`${origin}/classic`);
  const [request] = await Promise.all([
    page.waitForRequest(/_next\/data/),
    page.getByRole("link", { name: "Other" }).click(),
  ]);
  await expect(page.getByRole("heading", { name: /^other/ })).toBeVisible();
  await expectPath(traceIdOf(request), [
    /^click a · internal · pages-web$/,
    /^ {2}navigate \/other · internal · pages-web$/,
    /^ {4}GET \S*\/other\.json · client · pages-web$/,
    /^ {6}.*GET .* · server · pages$/,
  ]);
});

test("a page and the navigations from it carry the route that the router knows, there and back", async ({
  page,
}) => {
  const sent = collectSpans(page);
  await page.goto(`${origin}/item/5`);
  await expect.poll(() => routesOf(sent, "page load")).toEqual([["page load", "/item/[id]", undefined]]);
  await page.goto(`${origin}/classic`);
  await page.getByRole("link", { name: "Ticket" }).click();
  await expect(page.getByRole("heading", { name: "ticket 7" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("heading", { name: /^classic/ })).toBeVisible();
  await expect
    .poll(() => routesOf(sent, "navigate"))
    .toEqual([
      ["navigate /ticket/[id]", "/ticket/[id]", "push"],
      ["navigate /classic", "/classic", "traverse"],
    ]);
});

for (const { how, act, says, path } of [
  {
    how: "Enter in a form without a button",
    act: async (page: Page) => {
      await page.getByLabel("Words").fill("Jane Doe");
      await page.getByLabel("Words").press("Enter");
    },
    says: "found nothing",
    path: ["submit Search", "POST /api/search"],
  },
  {
    how: "Enter in a form with a button and a server action",
    act: async (page: Page) => {
      await page.getByLabel("Title").fill("tea");
      await page.getByLabel("Title").press("Enter");
    },
    says: "added tea",
    path: ["submit Add", "POST /form"],
  },
  {
    how: "the space bar on a button",
    act: (page: Page) => page.getByRole("button", { name: "Refresh" }).press("Space"),
    says: "found nothing",
    path: ["key Refresh", "POST /api/search"],
  },
  {
    how: "a click on the button of a form",
    act: async (page: Page) => {
      await page.getByLabel("Title").fill("tea");
      await page.getByRole("button", { name: "Add" }).click();
    },
    says: "added tea",
    path: ["click Add", "POST /form"],
  },
]) {
  test(`${how} is one interaction and one trace down to the server, with exact parents`, async ({ page }) => {
    const sent = collectSpans(page);
    await page.goto(`${origin}/form`);
    const isPost = (request: Request): boolean =>
      request.method() === "POST" && !request.url().endsWith("/v1/traces");
    const [request] = await Promise.all([page.waitForRequest(isPost), act(page)]);
    await expect(page.getByText(says)).toBeVisible();
    const [interaction = "", client = ""] = path;
    const document = await awaitTrace(traceIdOf(request), [
      `${interaction} · internal · pages-web`,
      `${client} · client · pages-web`,
      `${client} · server · pages`,
    ]);
    const [began, posted, served] = [
      spanOf(document, interaction, "internal"),
      spanOf(document, client, "client"),
      spanOf(document, client, "server"),
    ];
    expect(began.parentSpanId).toBeUndefined();
    expect(posted.parentSpanId).toBe(began.spanId);
    expect(posted.attributes).not.toHaveProperty("throughline.parent");
    expect(served.parentSpanId).toBe(posted.spanId);
    const others = sent.filter(({ name }) => /^(click|submit|key)\b/.test(name)).map(({ name }) => name);
    expect(others).toEqual([interaction]);
    expect(JSON.stringify(sent)).not.toContain("Jane");
  });
}

interface SentSpan {
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

/** What the page exports, as it leaves the page. */
function collectSpans(page: Page): readonly SentSpan[] {
  const spans: SentSpan[] = [];
  page.on("request", (request) => {
    if (!request.url().endsWith("/v1/traces")) return;
    const { resourceSpans } = request.postDataJSON() as {
      resourceSpans: { scopeSpans: { spans: SentSpan[] }[] }[];
    };
    spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
  });
  return spans;
}

/** Name, route and type of the spans whose names begin like this. */
function routesOf(spans: readonly SentSpan[], name: string) {
  const textOf = ({ attributes }: SentSpan, key: string) =>
    attributes.find((attribute) => attribute.key === key)?.value.stringValue;
  return spans
    .filter((span) => span.name.startsWith(name))
    .map((span) => [
      span.name,
      textOf(span, "throughline.page.route"),
      name === "navigate" ? textOf(span, "throughline.navigation.type") : undefined,
    ]);
}

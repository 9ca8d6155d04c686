import type { Page } from "@playwright/test";
import { parseTraceparent } from "@throughline/core";
import { expect, span, test } from "@throughline/playwright";
import { isClassic } from "./fixtures/preset.mjs";
import { oldNamesIn } from "./old-names.ts";
import { postedSpan } from "./posted-span.ts";
import { awaitTrace, lines, readTrace, spanOf } from "./trace-reading.ts";

const BUY = "Buy Cedar";

/** The whole of a Buy click, and nothing else. */
const SHAPE = [
  "click Buy · internal · shop-web",
  "  POST /api/orders · client · shop-web",
  "    POST /api/orders · server · shop",
  "      executing api route (app) /api/orders · internal · shop",
  "        GET /stock · client · shop",
  "          GET /stock · server · inventory",
  "        INSERT orders · client · shop",
];
const LEAVES = [
  "click Buy · internal · shop-web",
  "GET /stock · server · inventory",
  "INSERT orders · client · shop",
];

/** Clicks Buy; answers with the request on the wire and the trace context that it carried. */
async function buy(page: Page) {
  const [request] = await Promise.all([
    page.waitForRequest("**/api/orders"),
    page.getByRole("button", { name: BUY }).click(),
  ]);
  const header = parseTraceparent((await request.allHeaders()).traceparent ?? "");
  if (!header) throw new Error("POST /api/orders carried no valid traceparent");
  return { request, header };
}

test("one click becomes one trace, from the browser to the database", async ({ page, otel }) => {
  await page.goto("/");
  const trace = await otel.during(() => page.getByRole("button", { name: BUY }).click());

  await expect(trace).toHavePath([
    span.click("Buy"),
    span.client("POST", "/api/orders"),
    span.server("POST", "/api/orders"),
    span.client("GET", "/stock"),
    span.server("GET", "/stock"),
  ]);
  await expect(trace).toHavePath([span.server("POST", "/api/orders"), span.db("INSERT", "orders")]);
  await expect(trace).toBeConnected();
});

test("the trace has this shape and nothing more, and the header on the wire is the CLIENT span", async ({
  page,
}) => {
  await page.goto("/");
  const { request, header } = await buy(page);
  const document = await awaitTrace(header.traceId, LEAVES);
  expect(lines(document)).toEqual(SHAPE);
  expect(document.findings).toEqual([]);

  const client = spanOf(document, "POST /api/orders", "client");
  const server = spanOf(document, "POST /api/orders", "server");
  expect(client.spanId).toBe(header.spanId);
  expect(server.parentSpanId).toBe(header.spanId);
  expect(spanOf(document, "GET /stock", "server").parentSpanId).toBe(
    spanOf(document, "GET /stock", "client").spanId,
  );

  const response = await request.response();
  expect((await response?.allHeaders())?.["server-timing"]).toContain(
    `00-${header.traceId}-${server.spanId}-01`,
  );
});

test("SERVER and CLIENT spans carry the stable HTTP conventions and none of the old names", async ({
  page,
}) => {
  await page.goto("/");
  const { request, header } = await buy(page);
  const document = await awaitTrace(header.traceId, LEAVES);

  expect(spanOf(document, "POST /api/orders", "server")).toMatchObject({
    name: "POST /api/orders",
    attributes: {
      "http.request.method": "POST",
      "http.route": "/api/orders",
      "url.path": "/api/orders",
      "http.response.status_code": 201,
    },
  });
  expect(spanOf(document, "POST /api/orders", "client")).toMatchObject({
    name: "POST",
    attributes: {
      "http.request.method": "POST",
      "http.response.status_code": 201,
      "url.full": request.url(),
    },
  });
  expect(spanOf(document, "GET /stock", "client").attributes).toMatchObject({
    "http.request.method": "GET",
    "http.response.status_code": 200,
  });
  expect(spanOf(document, "GET /stock", "server").attributes).toMatchObject({
    "http.request.method": "GET",
    "url.path": "/stock",
    "http.response.status_code": 200,
  });
  expect(oldNamesIn(document.spans)).toEqual([]);
});

test("a second click is a second trace", async ({ page }) => {
  await page.goto("/");
  const traceIds: string[] = [];
  for (const _ of ["first", "second"]) {
    const { request, header } = await buy(page);
    await (await request.response())?.finished();
    traceIds.push(header.traceId);
  }
  expect(new Set(traceIds).size).toBe(2);
  for (const traceId of traceIds) expect(lines(await awaitTrace(traceId, LEAVES))).toEqual(SHAPE);
});

test("what the server leaves out on purpose, and what the browser's cache answers, is no problem", async ({
  page,
  otel,
}) => {
  // From the first vital on a request has the browser's own times, which tell a cache.
  await Promise.all([postedSpan(page, "web vital TTFB"), page.goto("/")]);
  const ask = (path: string, cache: RequestCache = "default") =>
    page.evaluate(async (init) => (await fetch(init.path, init)).text(), { path, cache });
  await ask("/api/orders");
  const trace = await otel.during(async () => {
    await ask("/robots.txt");
    await ask("/api/healthz");
    await ask("/api/orders", "force-cache");
  });

  await expect(trace).toBeConnected();

  const asked = otel.requests().slice(-3);
  expect(asked.map(({ url, isCopy }) => [new URL(url).pathname, isCopy])).toEqual([
    ["/robots.txt", false],
    ["/api/healthz", false],
    ["/api/orders", true],
  ]);
  const documents = await Promise.all(asked.map(({ traceparent }) => readTrace(traceparent?.traceId ?? "")));
  expect(documents.map((document) => document?.summary.problemCount)).toEqual([0, 0, 0]);
  const told = documents.map((document, index) =>
    document?.findings
      .filter(({ spanIds }) => spanIds.includes(asked[index]?.traceparent?.spanId ?? ""))
      .map(({ code, cause }) => `${code} ${cause}`),
  );
  const [file, copy] = [/^TL-P03 .*file of public/, /^TL-P03 .*cache/].map((text) => [
    expect.stringMatching(text),
  ]);
  // OpenTelemetry's own spans do not say that they carried the header, so nothing is said of them.
  expect(told).toEqual(isClassic ? [[], [], []] : [file, [], copy]);
});

import { expect, type Page, type Request, test } from "@playwright/test";
import { parseTraceparent } from "@throughline/core";
import { decideSession } from "./session-decision.ts";
import { awaitTrace, spanOf } from "./trace-reading.ts";

// A page whose tracing is loaded only in the sessions that are sampled; no test hook, which would load it always.
const lazyPage = `${process.env.E2E_PLAIN_URL}/lazy`;

test("an unsampled session loads nothing but the stub, asks for no trace and exports nothing", async ({
  page,
}) => {
  const { orders, scripts, posts } = watch(page);
  await decideSession(page, "0");
  const early = page.waitForResponse("**/api/orders");
  await page.goto(lazyPage);
  await early;
  await Promise.all([
    page.waitForResponse("**/api/orders"),
    page.getByRole("button", { name: "Buy" }).click(),
  ]);
  // What the page still had to post it would post as it goes.
  await page.goto("about:blank");
  expect(scripts).toEqual(["/lazy.js"]);
  expect(orders.map((request) => parseTraceparent(request.headers().traceparent ?? "")?.sampled)).toEqual([
    false,
    false,
  ]);
  expect(posts).toEqual([]);
});

test("a sampled session: a request before the chunk came is joined to its server span by the id on the wire", async ({
  page,
}) => {
  const { orders, scripts } = watch(page);
  await decideSession(page, "1");
  const early = page.waitForResponse("**/api/orders");
  // The chunk arrives after the answer to the first request.
  await page.route(/\/(?!lazy\.js$)[^/]+\.js$/, async (route) => {
    await early;
    await route.continue();
  });
  await page.goto(lazyPage);
  await early;
  const context = parseTraceparent(orders[0]?.headers().traceparent ?? "");
  expect(context?.sampled).toBe(true);
  const document = await awaitTrace(context?.traceId ?? "", [
    "POST /api/orders · client · plain-web",
    "POST /api/orders · server · plain",
  ]);
  const client = spanOf(document, "POST /api/orders", "client");
  expect(client.spanId).toBe(context?.spanId);
  expect(client.parentSpanId).toBeUndefined();
  expect(spanOf(document, "POST /api/orders", "server").parentSpanId).toBe(client.spanId);
  expect(scripts.length).toBeGreaterThan(1);

  const [request] = await Promise.all([
    page.waitForRequest("**/api/orders"),
    page.getByRole("button", { name: "Buy" }).click(),
  ]);
  const clicked = parseTraceparent(request.headers().traceparent ?? "");
  const trace = await awaitTrace(clicked?.traceId ?? "", [
    "click Buy · internal · plain-web",
    "POST /api/orders · client · plain-web",
    "POST /api/orders · server · plain",
  ]);
  expect(spanOf(trace, "POST /api/orders", "client").parentSpanId).toBe(
    spanOf(trace, "click Buy", "internal").spanId,
  );
});

/** What the page asks for, as it does. */
function watch(page: Page) {
  const [orders, scripts, posts]: [Request[], string[], string[]] = [[], [], []];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname === "/api/orders") orders.push(request);
    if (pathname === "/v1/traces") posts.push(request.url());
    if (request.resourceType() === "script") scripts.push(pathname);
  });
  return { orders, scripts, posts };
}

import { randomUUID } from "node:crypto";
import type { BrowserContext, Page } from "@playwright/test";
import { parseTraceparent } from "@throughline/core";
import { expect, test } from "@throughline/playwright";
import { isClassic } from "./fixtures/preset.mjs";

const plainApp = process.env.E2E_PLAIN_URL ?? "";

interface PostedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Post {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly WrittenSpan[] }[];
  }[];
}

interface WrittenSpan extends Omit<PostedSpan, "attributes"> {
  readonly attributes?: readonly {
    readonly key: string;
    readonly value: Readonly<Record<string, unknown>>;
  }[];
}

/** One visitor of the plain app, and what left their browser. */
function startVisit(context: BrowserContext) {
  const visit = randomUUID();
  /** `traceparent` of each order, in the order they were sent. */
  const headers: (string | undefined)[] = [];
  context.on("request", (request) => {
    if (new URL(request.url()).pathname === "/api/orders") headers.push(request.headers().traceparent);
  });
  async function spans(): Promise<readonly PostedSpan[]> {
    const answer = await fetch(`${plainApp}/posted/${visit}`);
    const posts = (await answer.json()) as readonly Post[];
    return posts
      .flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans))
      .flatMap((scope) => scope.spans)
      .map(({ attributes = [], ...span }) => ({
        ...span,
        attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
      }));
  }
  async function clicks(): Promise<readonly PostedSpan[]> {
    return (await spans()).filter(({ name }) => name === "click Buy");
  }
  return {
    headers,
    spans,
    clicks,
    url: (consent: string) => `${plainApp}/?consent=${consent}&visit=${visit}`,
  };
}

async function buy(page: Page): Promise<void> {
  const answer = page.waitForResponse("**/api/orders");
  await page.getByRole("button", { name: "Buy" }).click();
  await answer;
}

/** Leaves the page, which makes it post what it has, for one of the same origin that traces nothing. */
async function leave(page: Page): Promise<void> {
  await page.goto(`${plainApp}/app.js`);
}

function storedIn(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    [...Object.keys(localStorage), ...Object.keys(sessionStorage)]
      .filter((key) => !key.startsWith("throughline.post."))
      .sort(),
  );
}

function answer(page: Page, consent: "granted" | "denied"): Promise<void> {
  return page.evaluate((given) => {
    const { setConsent } = globalThis as unknown as { setConsent: (answer: string) => void };
    setConsent(given);
  }, consent);
}

for (const { consent, signal, isTraced } of [
  { consent: "granted", signal: false, isTraced: true },
  { consent: "denied", signal: false, isTraced: false },
  // The browser here does not send the signal: the property is as it would be in one that does.
  { consent: "gpc", signal: true, isTraced: false },
  { consent: "gpc", signal: false, isTraced: true },
]) {
  const what = isTraced ? "the click is traced" : "nothing is stored, posted or written on a request";
  test(`consent ${consent}, Global Privacy Control ${signal ? "on" : "off"}: ${what}`, async ({
    page,
    context,
  }) => {
    await context.addInitScript((value) => {
      Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { get: () => value });
    }, signal);
    await context.addCookies([{ name: "theirs", value: "1", url: plainApp }]);
    const cookies = await context.cookies();
    const { headers, url, clicks } = startVisit(context);
    await page.goto(url(consent));
    await buy(page);
    const during = await storedIn(page);
    await leave(page);
    const after = await storedIn(page);
    // What the first page posted last is there when a later page's post is.
    await page.goto(url("granted"));
    await buy(page);

    expect(headers.map(Boolean)).toEqual([isTraced, true]);
    const traceIds = async () => (await clicks()).map(({ traceId }) => traceId);
    await expect.poll(traceIds).toContain(traceIdOf(headers[1]));
    await expect.poll(traceIds).toHaveLength(isTraced ? 2 : 1);
    expect(during).toEqual(isTraced ? ["throughline.session"] : []);
    expect(after).toEqual(isTraced ? ["throughline.session", "throughline.tab"] : []);
    expect(await context.cookies()).toEqual(cookies);
  });
}

test("pending: nothing is stored, posted or written on a request until the answer, and then the click is told", async ({
  page,
  context,
}) => {
  const { headers, url, spans, clicks } = startVisit(context);
  await page.goto(url("pending"));
  await buy(page);
  expect(await storedIn(page)).toEqual([]);
  expect([...headers, ...(await spans())]).toEqual([undefined]);

  await answer(page, "granted");
  await expect.poll(async () => (await clicks()).length).toBe(1);
  await buy(page);
  await expect.poll(async () => (await clicks()).length).toBe(2);
  const requests = (await spans()).filter(({ name }) => name === "POST");
  // OpenTelemetry's own instrumentation does not say what became of the header.
  expect(requests.map(({ attributes }) => attributes["throughline.propagation"])).toEqual(
    isClassic ? [undefined, undefined] : ["consent", "sent"],
  );
  expect(parseTraceparent(headers[1] ?? "")).toMatchObject({
    traceId: requests[1]?.traceId,
    spanId: requests[1]?.spanId,
  });
  expect(await storedIn(page)).toEqual(["throughline.session"]);
});

test("pending, then denied: what was held never leaves", async ({ page, context }) => {
  const { headers, url, clicks } = startVisit(context);
  await page.goto(url("pending"));
  await buy(page);
  await answer(page, "denied");
  await buy(page);
  await leave(page);
  expect(await storedIn(page)).toEqual([]);
  await page.goto(url("granted"));
  await buy(page);
  await expect
    .poll(async () => (await clicks()).map(({ traceId }) => traceId))
    .toEqual([traceIdOf(headers[2])]);
  expect(headers.map(Boolean)).toEqual([false, false, true]);
});

test("a denial removes what was stored, and a later consent starts a new session", async ({
  page,
  context,
}) => {
  const { headers, url, clicks } = startVisit(context);
  await page.goto(url("granted"));
  await buy(page);
  await expect.poll(async () => (await clicks()).length).toBe(1);
  await answer(page, "denied");
  expect(await storedIn(page)).toEqual([]);
  await buy(page);
  await answer(page, "granted");
  await buy(page);
  expect(headers.map(Boolean)).toEqual([true, false, true]);
  await expect.poll(async () => (await clicks()).length).toBe(2);
  const [before, after] = await clicks();
  expect(after?.attributes["session.id"]).not.toBe(before?.attributes["session.id"]);
});

test("tabs share the session and have ids of their own, also one that a page opened; a reload keeps both", async ({
  page,
  context,
}) => {
  const { headers, url, clicks } = startVisit(context);
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await tab.goto(url("granted"));
    await buy(tab);
  }
  // A copy of this tab's `sessionStorage` goes with it, as it does when a tab is duplicated.
  const [opened] = await Promise.all([
    context.waitForEvent("page"),
    page.evaluate((address) => void window.open(address), url("granted")),
  ]);
  await buy(opened);
  await page.reload();
  await buy(page);
  await expect.poll(async () => (await clicks()).length).toBe(4);
  // In the order of the clicks: posts of several tabs arrive in any.
  const told = await clicks();
  const attributes = headers.map(
    (header) => told.find(({ traceId }) => traceId === traceIdOf(header))?.attributes,
  );
  const valuesOf = (name: string) => attributes.map((each) => each?.[name]);
  expect(new Set(valuesOf("session.id")).size).toBe(1);
  expect(new Set(valuesOf("throughline.page.id")).size).toBe(4);
  const tabs = valuesOf("throughline.tab.id");
  expect(new Set(tabs).size).toBe(3);
  expect(tabs[3]).toBe(tabs[0]);
});

test("a denial in one tab ends tracing in the other", async ({ page, context }) => {
  const { url, headers, clicks } = startVisit(context);
  const other = await context.newPage();
  await other.goto(url("granted"));
  await page.goto(url("granted"));
  for (const tab of [other, page]) await buy(tab);
  await expect.poll(async () => (await clicks()).length).toBe(2);
  await page.evaluate(() => {
    const { setConsent } = globalThis as unknown as { setConsent: (answer: string) => void };
    setConsent("denied");
  });
  await expect
    .poll(async () => {
      await buy(other);
      return headers.at(-1);
    })
    .toBeUndefined();
  expect(await other.evaluate(() => Object.keys(localStorage))).toEqual([]);
});

test("15 minutes without a span end the session, by the wall clock", async ({ page, context }) => {
  const { url, clicks } = startVisit(context);
  const start = Date.parse("2026-11-22T10:00:00Z");
  await page.clock.setFixedTime(start);
  await page.goto(url("granted"));
  for (const minutes of [0, 14, 30]) {
    await page.clock.setFixedTime(start + minutes * 60_000);
    await buy(page);
  }
  await expect.poll(async () => (await clicks()).length).toBe(3);
  const [first, second, third] = (await clicks()).map(({ attributes }) => attributes);
  expect(second?.["session.id"]).toBe(first?.["session.id"]);
  expect(third?.["session.id"]).not.toBe(first?.["session.id"]);
  expect(third?.["session.previous_id"]).toBe(first?.["session.id"]);
});

test("the user is on the spans and on nothing else that leaves", async ({ page, context }) => {
  const { url, clicks } = startVisit(context);
  await page.goto(url("granted"));
  await page.evaluate(() => {
    const { setUser } = globalThis as unknown as { setUser: (user: { id: string }) => void };
    setUser({ id: "visitor-42" });
  });
  const [request] = await Promise.all([page.waitForRequest("**/api/orders"), buy(page)]);
  const sent = [request.url(), await request.allHeaders(), await context.cookies()];
  expect(JSON.stringify(sent)).not.toContain("visitor-42");
  await expect.poll(async () => (await clicks())[0]?.attributes).toMatchObject({ "user.id": "visitor-42" });
});

function traceIdOf(header: string | undefined): string | undefined {
  return parseTraceparent(header ?? "")?.traceId;
}

test.afterAll(async () => {
  const answer = await fetch(`${plainApp}/baggage`);
  expect(await answer.json(), "requests with baggage").toEqual([]);
});

import { test as base, expect, type Page } from "@playwright/test";
import { isClassic, LIMITS, untilFailed } from "./fixtures/preset.mjs";
import {
  type PostedSpan,
  type ReceivedRequest,
  type RequestSite,
  startRequestSite,
} from "./fixtures/request-site.ts";

const APP = `
import { context, createTraceState, propagation, trace } from "@opentelemetry/api";
import { startWebTracing, traceResourceTiming, traceXhr } from "@throughline/web";
const asked = (name) => new URLSearchParams(location.hash.slice(1)).getAll(name);
const options = { propagateTo: asked("allow"), ignoreUrls: asked("ignore") };
// The page load's instrument listens so; open requests fail between two listeners.
const hearLeaving = () => {
  addEventListener("pagehide", () => undefined);
  return { stop: () => undefined };
};
if (!window.untraced)
  window.tracing = startWebTracing({ ...options, instruments: [traceXhr(), traceResourceTiming(), hearLeaving] });

const OWN = { "x-own": "1", authorization: "Bearer abc" };
const HEADERS = {
  none: () => undefined,
  object: () => ({ ...OWN }),
  pairs: () => Object.entries(OWN),
  Headers: () => new Headers(OWN),
};
const text = "h\\u00f6llo \\u{1f642}";
const OPTIONS = {
  stream: () => ({ method: "POST", body: new Blob([text]).stream(), duplex: "half" }),
  keepalive: () => ({ method: "PUT", body: text, keepalive: true }),
  signal: () => ({ method: "POST", body: new Uint8Array([0, 255, 1]), signal: new AbortController().signal }),
  mode: () => ({ method: "DELETE", mode: "same-origin" }),
  credentials: () => ({ method: "PATCH", body: new URLSearchParams({ a: text }), credentials: "omit" }),
  reuse: () => ({ method: "GET", cache: "no-store" }),
};
const INPUTS = {
  text: (url, init) => [url, init],
  URL: (url, init) => [new URL(url, location.href), init],
  Request: (url, init) => [new Request(url, init)],
  "Request + init": (url, init) => [new Request(url, { headers: { "x-request": "1" } }), init],
  "frozen init": (url, init) => [url, Object.freeze(init)],
  "Request as init": (url, init) => [url, new Request("/other", init)],
};

function snapshot(value) {
  if (value instanceof URL) return value.href;
  if (value instanceof Request) {
    const { url, method, headers, mode, credentials, keepalive, cache, redirect, referrer } = value;
    return { url, method, headers: [...headers], mode, credentials, keepalive, cache, redirect, referrer };
  }
  if (typeof value !== "object") return value;
  const { headers, ...rest } = value;
  return { ...Object.fromEntries(Object.keys(rest).map((key) => [key, String(rest[key])])), headers: headers && [...new Headers(headers)] };
}

/** Each case as often as it says; what came of it, and whether the caller's objects are what they were. */
window.runMatrix = async () => {
  const results = [];
  for (const input of Object.keys(INPUTS)) for (const header of Object.keys(HEADERS)) for (const option of Object.keys(OPTIONS)) {
    const headers = HEADERS[header]();
    const init = { ...OPTIONS[option](), ...(headers && { headers }) };
    const path = "/echo/" + [input, header, option].join("-").replaceAll(" ", "");
    const args = INPUTS[input](path, init);
    const before = JSON.stringify(args.map(snapshot));
    for (let turn = 0; turn < (option === "reuse" ? 3 : 1); turn++) {
      const outcome = await fetch(...args).then(async (answer) => answer.status + (await answer.text()), String);
      results.push([path, outcome, JSON.stringify(args.map(snapshot)) === before]);
    }
  }
  return results;
};
/** The paths that an observer of the page's own sees, the length of the buffer, and when each answer had been read. */
window.readTimes = async (count) => {
  const seen = [];
  const note = (list) => seen.push(...list.getEntries().map(({ name }) => new URL(name).pathname));
  const observer = new PerformanceObserver(note);
  observer.observe({ type: "resource" });
  const readAt = [];
  for (let index = 0; index < count; index++) {
    await (await fetch("/echo/many")).text();
    readAt.push(performance.timeOrigin + performance.now());
  }
  while (seen.filter((path) => path === "/echo/many").length < count) await new Promise((resolve) => setTimeout(resolve));
  return { seen, buffered: performance.getEntriesByType("resource").length, readAt };
};
/** Breaks a request off, or leaves it open, before its answer has begun ("/hang", "/reset") or after ("/drip"). */
window.breakOff = async (path, how) => {
  const controller = new AbortController();
  const signal = how === "timeout" ? AbortSignal.timeout(path === "/hang" ? 50 : 1000) : controller.signal;
  const answer = fetch(path, { signal });
  const reader = path === "/drip" && (await answer).body.getReader();
  if (reader) await reader.read();
  if (how === "abort") controller.abort();
  if (reader && how === "network") await fetch("/break");
  if (how === "leave") return;
  return (reader ? reader.read() : answer).catch(({ name }) => name);
};
/** With all in its context that a header could carry. */
window.withBaggage = (run) => {
  const span = { traceId: "1".repeat(32), spanId: "1".repeat(16), traceFlags: 1, traceState: createTraceState("a=b") };
  const baggage = propagation.createBaggage({ user: { value: "ada" } });
  const full = propagation.setBaggage(trace.setSpanContext(context.active(), span), baggage);
  return context.with(full, run);
};
window.fetchWithBaggage = async (url) => (await withBaggage(() => fetch(url))).status;
window.send = (url, { method = "PUT", body, credentials = false, timeout = 0, abort = false } = {}) =>
  new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    const log = [];
    xhr.upload.onprogress = () => log.push("progress");
    for (const name of ["load", "error", "abort", "timeout"]) xhr.addEventListener(name, () => log.push(name));
    xhr.onloadend = () => resolve([xhr.status, [...new Set(log)].sort().join()]);
    xhr.open(method, url);
    xhr.withCredentials = credentials;
    xhr.timeout = timeout;
    if (abort) xhr.onprogress = () => xhr.abort();
    xhr.send(body);
  });
document.documentElement.dataset.ready = "true";
`;

const test = base.extend<{ site: RequestSite; other: RequestSite }>({
  // biome-ignore lint/correctness/noEmptyPattern: the form Playwright asks for
  site: async ({}, use) => {
    const site = await startRequestSite(APP);
    await use(site);
    site.stop();
    expect(site.withBaggage, "requests with baggage").toEqual([]);
  },
  // biome-ignore lint/correctness/noEmptyPattern: the form Playwright asks for
  other: async ({}, use) => {
    const site = await startRequestSite("", "traceparent, content-type");
    await use(site);
    site.stop();
    expect(site.withBaggage, "requests with baggage").toEqual([]);
  },
});

/** The browser rounds its clock. */
const CLOCK_MS = 0.2;

test.use({ ignoreHTTPSErrors: true });

async function open(page: Page, url: string, traced = true): Promise<void> {
  if (!traced) await page.addInitScript("window.untraced = true");
  await page.goto(url);
  await page.locator("html[data-ready]").waitFor({ state: "attached" });
}

/** What the server saw, without what tracing adds and what differs by connection. */
function plain({ headers, ...rest }: ReceivedRequest): object {
  const { traceparent: _, ...others } = headers;
  return { ...rest, headers: others };
}

type Result = readonly [path: string, outcome: string, untouched: boolean];

test("144 ways to call fetch: the server gets what it gets without tracing, and one traceparent besides", async ({
  page,
  context,
  site,
}) => {
  test.fail(isClassic, LIMITS.written);
  const untraced = await context.newPage();
  await open(untraced, site.url, false);
  const expected = await untraced.evaluate<Result[]>("runMatrix()");
  const before = site.received.length;
  await open(page, site.url);
  const results = await page.evaluate<Result[]>("runMatrix()");
  await page.evaluate("tracing.flush()");

  expect(results).toEqual(expected);
  expect(results).toHaveLength(144 + 2 * 24);
  expect(results.filter(([, , untouched]) => !untouched)).toEqual([]);
  const [without, traced] = [site.received.slice(0, before), site.received.slice(before)];
  expect(without.length).toBeGreaterThan(180);
  expect(traced.map(plain)).toEqual(without.map(plain));
  const ids = traced.map(
    ({ headers }) => /^00-[0-9a-f]{32}-([0-9a-f]{16})-01$/.exec(String(headers.traceparent))?.[1],
  );
  expect(ids.filter((id) => id === undefined)).toEqual([]);
  const spans = new Map(site.spans().map((span) => [span.spanId, span]));
  expect(site.spans()).toHaveLength(results.length);
  for (const [index, { method, path }] of traced.entries()) {
    const span = spans.get(ids[index] ?? "");
    expect([span?.name, span?.attributes["url.full"]]).toEqual([method, `${site.url}${path}`]);
  }
});

test("a redirect to an origin that refuses traceparent fails, as docs/browser/fetch.md says, unless it is ignored", async ({
  page,
  context,
  site,
}) => {
  const store = await startRequestSite("", "content-type");
  const read = `fetch("/away?${store.url}/echo/file").then((answer) => answer.status, () => "failed")`;
  const outcomes: unknown[] = [];
  for (const [fragment, traced] of [
    ["", false],
    ["", true],
    ["#ignore=/away", true],
  ] as const) {
    const visited = fragment || traced ? await context.newPage() : page;
    await open(visited, site.url + fragment, traced);
    outcomes.push(await visited.evaluate(read));
  }
  store.stop();
  expect(outcomes).toEqual([200, "failed", 200]);
});

interface ReadTimes {
  readonly seen: readonly string[];
  readonly buffered: number;
  readonly readAt: readonly number[];
}

test("a thousand fetches are a thousand spans with network timing that end after the browser's last byte, half of them by less than 5 ms, and before the page goes on; the page's own timing is as without us", async ({
  page,
  context,
  site,
}) => {
  test.fail(isClassic, LIMITS.late);
  const untraced = await context.newPage();
  await open(untraced, site.url, false);
  // More than the buffer holds; where it has to fail, the last one is missing of any number.
  const few = 300;
  const count = isClassic ? few : 1000;
  const without = await untraced.evaluate<ReadTimes>(`readTimes(${few})`);
  await open(page, site.url);
  const { seen, buffered, readAt } = await page.evaluate<ReadTimes>(`readTimes(${count})`);
  await page.evaluate("tracing.flush()");
  expect(buffered).toBe(without.buffered);
  const more = Array.from({ length: count - few }, () => "/echo/many");
  expect(seen.filter((path) => path !== "/api/tl/v1/traces")).toEqual([...without.seen, ...more]);

  const spans = site.spans().toSorted((one, other) => startOf(one) - startOf(other));
  expect(spans).toHaveLength(count);
  expect(new Set(spans.map(({ attributes }) => attributes["network.protocol.version"]))).toEqual(
    new Set(["2"]),
  );
  const early = spans.filter((span) => endOf(span) < lastByteOf(span) - CLOCK_MS);
  const late = spans.filter((span, index) => endOf(span) > (readAt[index] ?? 0) + CLOCK_MS);
  expect([early, late]).toEqual([[], []]);
  // A busy machine tells the page late now and then, and the span ends no later than the page knows.
  const afterMs = spans.map((span) => endOf(span) - lastByteOf(span)).toSorted((one, other) => one - other);
  expect(afterMs[500], "the median").toBeLessThan(5);
});

const startOf = ({ startTimeUnixNano }: PostedSpan): number => Number(startTimeUnixNano) / 1e6;
const endOf = ({ endTimeUnixNano }: PostedSpan): number => Number(endTimeUnixNano) / 1e6;
/** As the browser tells it; no span has ended after all time. */
const lastByteOf = ({ events }: PostedSpan): number =>
  Number(events.find(({ name }) => name === "responseEnd")?.timeUnixNano ?? Number.POSITIVE_INFINITY) / 1e6;

test("a fetch and a flush right after it: one span that ends after the browser's last byte and before the page goes on", async ({
  page,
  site,
}) => {
  test.fail(isClassic, LIMITS.late);
  await open(page, site.url);
  const [responseEnd = 0, wentOn = 0] = await page.evaluate<number[]>(`(async () => {
    await (await fetch("/echo/one")).text();
    const wentOn = performance.timeOrigin + performance.now();
    await tracing.flush();
    return [performance.timeOrigin + performance.getEntriesByName(location.origin + "/echo/one")[0].responseEnd, wentOn];
  })()`);
  const [span, ...others] = site.spans();
  expect(others).toEqual([]);
  expect(span && endOf(span)).toBeGreaterThanOrEqual(responseEnd - CLOCK_MS);
  expect(span && endOf(span)).toBeLessThanOrEqual(wentOn + CLOCK_MS);
});

const UNSET = 0;
const ERROR = 2;

/** What a span tells of its end. */
function howEnded({ status, attributes }: PostedSpan): readonly unknown[] {
  const names = ["http.response.status_code", "error.type", "throughline.aborted", "throughline.ended_by"];
  return [status.code, ...names.map((name) => attributes[name])];
}

for (const [path, how, failure, ...end] of [
  ["/hang", "abort", "AbortError", UNSET, undefined, undefined, true],
  ["/drip", "abort", "AbortError", UNSET, 200, undefined, true],
  ["/hang", "timeout", "TimeoutError", ERROR, undefined, "TimeoutError", undefined],
  ["/drip", "timeout", "TimeoutError", ERROR, 200, "TimeoutError", undefined],
  ["/reset", "network", "TypeError", ERROR, undefined, "TypeError", undefined],
  ["/drip", "network", "TypeError", ERROR, 200, "TypeError", undefined],
] as const) {
  const place = path === "/drip" ? "in the middle of the body" : "before the headers";
  test(`fetch: the span of a request that fails by ${how} ${place} says so`, async ({ page, site }) => {
    test.fail(isClassic, LIMITS.late);
    await open(page, site.url);
    expect(await page.evaluate(`breakOff("${path}", "${how}")`)).toBe(failure);
    await page.evaluate("tracing.flush()");
    const spans = site.spans().filter(({ attributes }) => attributes["url.full"] === site.url + path);
    expect(spans.map(howEnded)).toEqual([[...end, undefined]]);
  });
}

for (const [path, status] of [
  ["/hang", undefined],
  ["/drip", 200],
] as const) {
  const place = path === "/hang" ? "before the headers" : "in the middle of the body";
  test(`fetch: the span of a request ${place} ends with a page that is left, and is no error`, async ({
    page,
    site,
  }) => {
    test.fail(isClassic, LIMITS.late);
    await open(page, site.url);
    await page.evaluate(`breakOff("${path}", "leave")`);
    await page.goto(`${site.url}/next`);
    await expect
      .poll(() => site.spans().map(howEnded), untilFailed)
      .toEqual([[UNSET, status, undefined, undefined, "pagehide"]]);
  });
}

test("fetch: another origin gets nothing whatever its query names, and a listed one traceparent alone", async ({
  page,
  site,
  other,
}) => {
  test.fail(isClassic, LIMITS.state);
  await open(page, `${site.url}/#allow=https://app.example`);
  for (const named of ["https://app.example", site.url])
    expect(await page.evaluate(`fetchWithBaggage("${other.url}/echo/third?u=${named}")`)).toBe(200);
  await page.goto("about:blank");
  await open(page, `${site.url}/#allow=${other.url}`);
  expect(await page.evaluate(`fetchWithBaggage("${other.url}/echo/listed")`)).toBe(200);
  const context = ["traceparent", "tracestate", "baggage"];
  expect(
    other.received.map(({ method, headers }) => [method, ...context.filter((name) => name in headers)]),
  ).toEqual([["GET"], ["GET"], ["OPTIONS"], ["GET", "traceparent"]]);
});

test("fetch and XMLHttpRequest: no baggage of the context in which they are called, to the page's own origin either", async ({
  page,
  site,
}) => {
  await open(page, site.url);
  expect(await page.evaluate('fetchWithBaggage("/echo/own")')).toBe(200);
  expect(await page.evaluate('withBaggage(() => send("/echo/own"))')).toEqual([200, "load"]);
  expect(site.received.map(({ headers }) => headers.traceparent)).toEqual(
    Array(2).fill(expect.stringMatching(/^00-1{32}-\w{16}-01$/)),
  );
});

test("XMLHttpRequest: every kind of upload arrives as without tracing, with its progress", async ({
  page,
  context,
  site,
}) => {
  const uploads = `(async () => {
    const results = [];
    for (const body of ["text", new Blob(["blob"]), new Uint8Array([0, 255]), new URLSearchParams({ a: "\\u00e4" })])
      results.push(await send("/echo/upload", { body }));
    return results;
  })()`;
  const untraced = await context.newPage();
  await open(untraced, site.url, false);
  const expected = await untraced.evaluate(uploads);
  const before = site.received.length;
  await open(page, site.url);
  expect(await page.evaluate(uploads)).toEqual(expected);
  expect(expected).toContainEqual([200, "load,progress"]);
  expect(site.received.slice(before).map(plain)).toEqual(site.received.slice(0, before).map(plain));
});

test("XMLHttpRequest: a form with a file arrives whole, with one traceparent", async ({ page, site }) => {
  await open(page, site.url);
  const sent = await page.evaluate(`(() => {
    const form = new FormData();
    form.append("title", "tea");
    form.append("file", new File([new Uint8Array([0, 255])], "a.bin"));
    return send("/echo/form", { body: form });
  })()`);
  expect(sent).toEqual([200, "load,progress"]);
  const [received] = site.received;
  const { headers = {}, body = "" }: Partial<typeof received> = received ?? {};
  const form = await new Response(Buffer.from(body, "base64"), {
    headers: { "content-type": String(headers["content-type"]) },
  }).formData();
  const file = form.get("file");
  if (!(file instanceof File)) throw new Error("no file arrived");
  expect([form.get("title"), file.name, ...new Uint8Array(await file.arrayBuffer())]).toEqual([
    "tea",
    "a.bin",
    0,
    255,
  ]);
  expect(headers.traceparent).toMatch(/^00-\w{32}-\w{16}-01$/);
});

test("XMLHttpRequest: with credentials, another origin gets the header only when it is listed", async ({
  page,
  site,
  other,
}) => {
  await open(page, site.url);
  const url = `${other.url}/echo/foreign`;
  const ask = `send("${url}", { method: "GET", credentials: true })`;
  expect(await page.evaluate(ask)).toEqual([200, "load"]);
  expect(other.received.map(({ method, headers }) => [method, "traceparent" in headers])).toEqual([
    ["GET", false],
  ]);
  await page.goto("about:blank");
  await open(page, `${site.url}/#allow=${other.url}`);
  expect(await page.evaluate(ask)).toEqual([200, "load"]);
  expect(other.received.map(({ method, headers }) => [method, "traceparent" in headers])).toEqual([
    ["GET", false],
    ["OPTIONS", false],
    ["GET", true],
  ]);
});

test("XMLHttpRequest: a timeout is an error, an abort in the middle of the body is none", async ({
  page,
  site,
}) => {
  await open(page, site.url);
  expect(await page.evaluate('send("/hang", { method: "GET", timeout: 50 })')).toEqual([0, "timeout"]);
  expect(await page.evaluate('send("/drip", { method: "GET", abort: true })')).toEqual([0, "abort"]);
  await page.evaluate("tracing.flush()");
  expect(
    site.spans().map(({ attributes }) => [attributes["error.type"], attributes["throughline.aborted"]]),
  ).toEqual([
    ["TimeoutError", undefined],
    [undefined, true],
  ]);
});

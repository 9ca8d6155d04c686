import { afterEach, describe, expect, test } from "vitest";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import { withSpan } from "../with-span.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
});

function traceparentOf({ traceId, spanId }: { traceId: string; spanId: string }): string {
  return `00-${traceId}-${spanId}-01`;
}

const streamOf = (text: string) => new Blob([text]).stream();

const SHAPES: readonly (readonly [
  string,
  () => [RequestInfo | URL, (RequestInit & { duplex?: "half" })?],
])[] = [
  ["a text", () => ["/orders"]],
  ["a URL", () => [new URL("/orders", location.href)]],
  ["a text and an init", () => ["/orders", { method: "POST", body: "{}", headers: { "x-own": "1" } }]],
  ["headers as pairs", () => ["/orders", { headers: [["x-own", "1"]] }]],
  ["headers as Headers", () => ["/orders", { headers: new Headers({ "x-own": "1" }) }]],
  ["a Request", () => [new Request("/orders", { method: "PUT", body: "{}", headers: { "x-own": "1" } })]],
  ["a Request and an init", () => [new Request("/orders"), { method: "POST", headers: { "x-own": "1" } }]],
  [
    "a Request as init",
    () => ["/orders", new Request("/else", { method: "PATCH", headers: { "x-own": "1" } })],
  ],
  ["a stream", () => ["/orders", { method: "POST", body: streamOf("hello"), duplex: "half" }]],
  ["a frozen init", () => ["/orders", Object.freeze({ headers: Object.freeze({ "x-own": "1" }) })]],
];

describe("traceparent names the CLIENT span", () => {
  test.each(SHAPES)("when fetch is called with %s", async (_name, shape) => {
    page = openFakePage();
    const [input, init] = shape();
    const own = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined)).get(
      "x-own",
    );
    await fetch(input, init);
    const [span] = await page.spans();
    const [request] = page.sent;
    expect(request?.url).toBe(new URL("/orders", location.href).href);
    expect(request?.headers.get("traceparent")).toBe(span && traceparentOf(span));
    expect(request?.headers.get("x-own")).toBe(own);
    expect(span?.kind).toBe(3);
    expect(span?.attributes["throughline.propagation"]).toBe("sent");
    expect(span?.name).toBe(init?.method ?? (input instanceof Request ? input.method : "GET"));
  });
});

test("without an argument nothing is requested, and nothing traced", async () => {
  page = openFakePage();
  await Reflect.apply(fetch, globalThis, []).catch(() => undefined);
  // The browser's own, which gets what it was given, says what is wrong.
  expect(page.sent.map(({ args }) => args)).toEqual([[]]);
  expect(await page.spans()).toEqual([]);
});

test("the browser itself accepts every shape with the header added", async () => {
  const seen: Request[] = [];
  page = openFakePage({}, (_url, init) => {
    const request = page.sent.at(-1)?.args[0];
    seen.push(new Request(request as RequestInfo, init));
    return new Response("ok");
  });
  for (const [, shape] of SHAPES) await fetch(...shape());
  expect(seen.map((request) => request.headers.has("traceparent"))).toEqual(SHAPES.map(() => true));
  expect(await seen[8]?.text()).toBe("hello");
  expect(await seen[5]?.text()).toBe("{}");
});

test("the caller's request, init and headers are not touched", async () => {
  page = openFakePage();
  const headers = new Headers({ "x-own": "1" });
  const init = { headers };
  const request = new Request("/orders", { referrer: "/here", referrerPolicy: "origin", headers });
  await fetch("/orders", init);
  await fetch(request);
  expect([...headers]).toEqual([["x-own", "1"]]);
  expect(init).toEqual({ headers });
  expect([...request.headers]).toEqual([["x-own", "1"]]);
  expect(page.sent[1]?.args).toMatchObject([
    request,
    { referrer: request.referrer, referrerPolicy: "origin" },
  ]);
});

test("an init takes the referrer of a request with it, as the browser would; one that says nothing does not", async () => {
  page = openFakePage();
  const request = (): Request => new Request("/orders", { referrerPolicy: "no-referrer" });
  for (const init of [{ cache: "no-store" }, { signal: undefined }, {}] as const)
    await fetch(request(), init as RequestInit);
  const policies = page.sent.map(({ args }) => (args[1] as RequestInit).referrerPolicy);
  expect(policies).toEqual([undefined, "no-referrer", "no-referrer"]);
});

test("a header that the caller set is left as it is", async () => {
  page = openFakePage();
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const init = { headers: { traceparent } };
  await fetch("/orders", init);
  const [span] = await page.spans();
  expect(page.sent[0]?.args[1]).toBe(init);
  expect(span?.attributes["throughline.propagation"]).toBe("caller");
});

test.each([
  ["https://api.example.com/x", "sent"],
  ["https://api.example.com.evil.test/x", "origin"],
  ["https://api.example.com:8443/x", "origin"],
  ["http://api.example.com/x", "origin"],
  ["/x", "sent"],
])("with one foreign origin on the list, %s is %s", async (url, expected) => {
  page = openFakePage({ propagateTo: ["https://api.example.com"] });
  await fetch(url);
  const [span] = await page.spans();
  expect(span?.attributes["throughline.propagation"]).toBe(expected);
  expect(page.sent[0]?.headers.has("traceparent")).toBe(expected === "sent");
});

test("propagation off sends no header and says so", async () => {
  page = openFakePage({ propagation: "off" });
  await fetch("/orders");
  const [span] = await page.spans();
  expect(page.sent[0]?.headers.has("traceparent")).toBe(false);
  expect(span?.attributes["throughline.propagation"]).toBe("off");
});

test("a trace that is not kept sends flags 00 and exports nothing", async () => {
  page = openFakePage({ sampleRatio: 0 });
  await fetch("/orders");
  expect(page.sent[0]?.headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(await page.spans()).toEqual([]);
});

test.each<[string, RequestInit]>([
  ["the App Router", { headers: { rsc: "1", "next-router-prefetch": "1" } }],
  // Without a header that says so.
  ["<Link prefetch>", { headers: { rsc: "1" }, priority: "low" }],
  ["the Pages Router", { headers: { "x-nextjs-data": "1", purpose: "prefetch" } }],
])("what %s fetches ahead makes no span and has flags 00", async (_, init) => {
  page = openFakePage();
  await fetch("/orders", init);
  expect(page.sent[0]?.headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(await page.spans()).toEqual([]);
});

test("an app's own header of that name, and its own priority, say nothing", async () => {
  page = openFakePage();
  await fetch("/files", { method: "POST", headers: { purpose: "avatar" } });
  await fetch("/files", { priority: "low" });
  expect(await page.spans()).toHaveLength(2);
});

test("ignored URLs, the ingest route and data: URLs pass as they are", async () => {
  page = openFakePage({ ignoreUrls: ["/healthz"] });
  await fetch("/healthz/live");
  await fetch("data:text/plain,hello");
  await fetch("/api/tl/v1/traces", { method: "POST", body: '{"resourceSpans":[]}' });
  expect(page.sent.map(({ headers }) => headers.has("traceparent"))).toEqual([false, false]);
  expect(await page.spans()).toEqual([]);
});

test("what the span says carries no credentials and no query values", async () => {
  page = openFakePage();
  await fetch("/orders?token=secret&page=2#here");
  const [span] = await page.spans();
  expect(span?.attributes).toEqual({
    "http.request.method": "GET",
    "url.full": `${location.origin}/orders?token=REDACTED&page=REDACTED`,
    "server.address": location.hostname,
    "server.port": Number(location.port),
    "http.response.status_code": 200,
    "throughline.propagation": "sent",
  });
  expect(span?.status).toEqual({ code: 0 });
});

test("a network failure is an error and is thrown on unchanged", async () => {
  const failure = new TypeError("Failed to fetch");
  page = openFakePage({}, () => Promise.reject(failure));
  await expect(fetch("/orders")).rejects.toBe(failure);
  const [span] = await page.spans();
  expect(span?.status).toEqual({ code: 2, message: "Failed to fetch" });
  expect(span?.attributes["error.type"]).toBe("TypeError");
});

test("an abort by the caller is no error", async () => {
  const reason = new Error("changed my mind");
  const controller = new AbortController();
  page = openFakePage({}, () => Promise.reject(reason));
  controller.abort(reason);
  await expect(fetch("/orders", { signal: controller.signal })).rejects.toBe(reason);
  const [span] = await page.spans();
  expect(span?.status).toEqual({ code: 0 });
  expect(span?.attributes["throughline.aborted"]).toBe(true);
});

test("a timeout is an error", async () => {
  const reason = new DOMException("timed out", "TimeoutError");
  const controller = new AbortController();
  page = openFakePage({}, () => Promise.reject(reason));
  controller.abort(reason);
  await expect(fetch("/orders", { signal: controller.signal })).rejects.toBe(reason);
  const [span] = await page.spans();
  expect([span?.status.code, span?.attributes["error.type"]]).toEqual([2, "TimeoutError"]);
});

test.each([400, 503])("status %i is an error of that type", async (status) => {
  page = openFakePage({}, () => new Response("no", { status }));
  await fetch("/orders");
  const [span] = await page.spans();
  expect([span?.status.code, span?.attributes["error.type"]]).toEqual([2, String(status)]);
});

test("arguments that fetch refuses are refused by fetch", async () => {
  page = openFakePage({}, () => {
    throw new Error("must not come here");
  });
  await page.close();
  page = openFakePage();
  await fetch("http://[bad").catch(() => undefined);
  expect(await page.spans()).toEqual([]);
  expect(page.sent).toEqual([]);
});

test("a method that is not HTTP's is _OTHER", async () => {
  page = openFakePage();
  await fetch("/orders", { method: "PURGE" });
  const [span] = await page.spans();
  expect([span?.name, span?.attributes["http.request.method"]]).toEqual(["HTTP", "_OTHER"]);
});

test("a method that is no text is asked for as the browser reads it", async () => {
  page = openFakePage();
  await fetch("/orders", { method: ["POST"] as unknown as string });
  expect((await page.spans()).map(({ name }) => name)).toEqual(["POST"]);
});

test("a request that calls itself something else is one all the same", async () => {
  class Order extends Request {
    get [Symbol.toStringTag]() {
      return "Order";
    }
  }
  page = openFakePage();
  await fetch(new Order("/orders", { headers: { authorization: "Bearer a" } }));
  expect(page.sent[0]?.headers.get("authorization")).toBe("Bearer a");
  expect(page.sent[0]?.url).toBe(`${location.origin}/orders`);
});

test("a request of another frame keeps its address, its headers and its referrer", async () => {
  const frame = document.body.appendChild(document.createElement("iframe"));
  const { Request: Foreign } = frame.contentWindow as unknown as typeof globalThis;
  page = openFakePage();
  const init = { headers: { authorization: "Bearer a" }, referrerPolicy: "origin" } as const;
  await fetch(new Foreign(`${location.origin}/orders`, init));
  await fetch(new Foreign("https://other.test/orders", { headers: { authorization: "Bearer a" } }));
  frame.remove();
  const [own, other] = page.sent;
  expect(own?.headers.get("authorization")).toBe("Bearer a");
  expect(own?.headers.has("traceparent")).toBe(true);
  expect(own?.args[1]).toMatchObject({ referrerPolicy: "origin" });
  expect(other?.args[1]).toBeUndefined();
  const spans = await page.spans();
  expect(spans.map(({ attributes }) => attributes["url.full"])).toEqual([
    `${location.origin}/orders`,
    "https://other.test/orders",
  ]);
});

test("a fetch inside withSpan is its child", async () => {
  page = openFakePage();
  await withSpan("reserve", () => fetch("/orders"));
  const spans = await page.spans();
  const [parent, child] = [
    spans.find(({ name }) => name === "reserve"),
    spans.find(({ name }) => name === "GET"),
  ];
  expect(child?.parentSpanId).toBe(parent?.spanId);
  expect(child?.traceId).toBe(parent?.traceId);
});

/** As some wrap it to add a method of their own: what is read, and what is called, is the response's. */
function proxied(response: Response): Response {
  return new Proxy(response, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test.each([
  ["wrapped in a proxy", proxied],
  ["frozen", (response: Response) => Object.freeze(response)],
])(
  "an answer that somebody before us has %s is read as without us, and its span ends",
  async (_what, change) => {
    page = openFakePage({}, () => change(new Response("ok")));
    const response = await fetch("/orders");
    expect(await response.clone().text()).toBe("ok");
    expect(response.body).toBeInstanceOf(ReadableStream);
    expect(await response.text()).toBe("ok");
    expect((await page.spans()).map(({ name }) => name)).toEqual(["GET"]);
  },
);

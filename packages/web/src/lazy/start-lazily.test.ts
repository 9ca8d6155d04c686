import { TEST_GLOBAL } from "@throughline/core/attributes";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, openFakePage, type PostedSpan, show } from "../../test/fake-page.ts";
import { traceErrors } from "../error/uncaught-errors.ts";
import { SAMPLED_KEY } from "../identity/session-sampling.ts";
import type { WebInstrument } from "../instrument.ts";
import { startWebTracing as startByEntry } from "../lazy.ts";
import { listen } from "../listen.ts";
import type { WebTracingOptions } from "../options.ts";
import { startWebTracing } from "../start.ts";
import { isKept } from "../trace/trace-share.ts";
import { type StartWhole, startLazily } from "./start-lazily.ts";
import { startWhole } from "./start-whole.ts";

const OPTIONS: WebTracingOptions = { sampleRatio: 0.5 };

let page: FakePage | undefined;

beforeEach(forgetSession);

afterEach(async () => {
  await page?.close();
  page = undefined;
  document.body.replaceChildren();
  vi.restoreAllMocks();
  forgetSession();
});

function forgetSession(): void {
  localStorage.clear();
  sessionStorage.clear();
  Reflect.deleteProperty(globalThis, SAMPLED_KEY);
  Reflect.deleteProperty(globalThis, TEST_GLOBAL);
}

function decide(decision: "0" | "1"): void {
  localStorage.setItem(SAMPLED_KEY, `${decision} ${Date.now()}`);
}

interface Chunk {
  readonly requested: () => number;
  readonly arrive: () => void;
  readonly fail: () => void;
  readonly load: () => Promise<StartWhole>;
}

/** The rest of the tracing, which arrives when the test says so. */
function createChunk(): Chunk {
  let requested = 0;
  let arrive: Chunk["arrive"] = () => undefined;
  let fail: Chunk["fail"] = () => undefined;
  const loaded = new Promise<StartWhole>((resolve, reject) => {
    arrive = () => resolve(startWhole);
    fail = () => reject(new TypeError("Failed to fetch dynamically imported module"));
  });
  return {
    requested: () => requested,
    arrive: () => arrive(),
    fail: () => fail(),
    load: () => {
      requested++;
      return loaded;
    },
  };
}

function open(
  chunk: Chunk,
  options: WebTracingOptions = OPTIONS,
  answer?: Parameters<typeof openFakePage>[1],
) {
  page = openFakePage(options, answer, (given) => startLazily(given, chunk.load));
  return page;
}

function headers(of: FakePage): readonly (string | null)[] {
  return of.sent.map((request) => request.headers.get("traceparent"));
}

const UNSAMPLED = expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
const SAMPLED = expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);

function headerOf(span: PostedSpan | undefined): string {
  return `00-${span?.traceId}-${span?.spanId}-01`;
}

function natives(): readonly unknown[] {
  return [
    window.fetch,
    window.setTimeout,
    Promise.prototype.then,
    XMLHttpRequest.prototype.send,
    EventTarget.prototype.addEventListener,
  ];
}

test("unsampled: nothing more is loaded, and the server hears that the trace is not kept", async () => {
  decide("0");
  const chunk = createChunk();
  const [, ...others] = natives();
  const shop = open(chunk);
  expect(natives().slice(1)).toEqual(others);
  await fetch("/orders");
  await fetch("/orders");
  await shop.tracing.flush();
  expect(headers(shop)).toEqual([UNSAMPLED, UNSAMPLED]);
  expect(new Set(headers(shop)).size).toBe(2);
  expect([chunk.requested(), shop.posted()]).toEqual([0, []]);
});

test.each(["0", "1"] as const)(
  "with the decision %s the header goes where the URL rules allow it, and the caller's objects stay as they are",
  async (decision) => {
    decide(decision);
    const shop = open(createChunk(), {
      ...OPTIONS,
      propagateTo: ["https://api.test/"],
      ignoreUrls: ["/healthz"],
    });
    const own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const request = new Request("/orders", { headers: { "x-mine": "1" } });
    const init = { headers: { "x-mine": "2" } };
    await fetch(request);
    await fetch("/orders", init);
    await fetch("https://api.test/stock");
    for (const [url, options] of [
      ["https://api.test.evil.test/stock", {}],
      ["https://api.test/stock", { mode: "no-cors" }],
      ["/healthz/live", {}],
      ["data:,text", {}],
      ["/orders", { headers: { traceparent: own } }],
    ] as const)
      await fetch(url, options);
    const expected = decision === "0" ? UNSAMPLED : SAMPLED;
    expect(headers(shop)).toEqual([expected, expected, expected, null, null, null, null, own]);
    expect(shop.sent.slice(0, 2).map((sent) => sent.headers.get("x-mine"))).toEqual(["1", "2"]);
    expect(request.headers.has("traceparent")).toBe(false);
    expect(init).toEqual({ headers: { "x-mine": "2" } });
  },
);

test("`propagation: off` and a prefetch of the router mean the same to the stub", async () => {
  decide("1");
  const shop = open(createChunk());
  await fetch("/next", { headers: { "next-router-prefetch": "1" } });
  await shop.close();
  const silent = open(createChunk(), { ...OPTIONS, propagation: "off" });
  await fetch("/orders");
  expect([...headers(shop), ...headers(silent)]).toEqual([UNSAMPLED, null]);
});

test("sampled: what was requested before the chunk came is told with the ids on the wire, answered or still open", async () => {
  decide("1");
  const chunk = createChunk();
  let answerLate: (response: Response) => void = () => undefined;
  const shop = open(chunk, OPTIONS, (url) =>
    url.endsWith("/late")
      ? new Promise((resolve) => {
          answerLate = resolve;
        })
      : new Response("ok", { status: 201 }),
  );
  const startedAt = performance.timeOrigin + performance.now();
  await fetch("/early?card=4111", { method: "POST" }).then((response) => response.text());
  const endedAt = performance.timeOrigin + performance.now();
  const late = fetch("/late").then((response) => response.text());
  chunk.arrive();
  await shop.tracing.flush();
  answerLate(new Response("late", { status: 404 }));
  await late;
  await fetch("/after");

  const spans = await shop.spans();
  const byPath = (path: string) =>
    spans.find(({ attributes }) => String(attributes["url.full"]).includes(path));
  expect(headers(shop)).toEqual(["/early", "/late", "/after"].map((path) => headerOf(byPath(path))));
  expect(byPath("/early")).toMatchObject({
    name: "POST",
    kind: 3,
    attributes: {
      "url.full": `${location.origin}/early?card=REDACTED`,
      "http.response.status_code": 201,
      "throughline.propagation": "sent",
    },
  });
  expect(byPath("/late")).toMatchObject({ name: "GET", status: { code: 2 } });
  const ms = (nanos: string | undefined) => Number(nanos) / 1e6;
  expect(ms(byPath("/early")?.startTimeUnixNano)).toBeGreaterThanOrEqual(startedAt - 1);
  expect(ms(byPath("/early")?.endTimeUnixNano)).toBeLessThanOrEqual(endedAt + 1);
  expect(spans).toHaveLength(3);
});

test("an early request that fails is an error, and its caller hears of it", async () => {
  decide("1");
  const chunk = createChunk();
  const shop = open(chunk, OPTIONS, () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(fetch("/orders")).rejects.toThrow("Failed to fetch");
  chunk.arrive();
  await shop.tracing.flush();
  const [span] = await shop.spans();
  expect(span).toMatchObject({ status: { code: 2 }, attributes: { "error.type": "TypeError" } });
});

test("a request after one early click is below it, marked as a guess; after two it belongs to neither", async () => {
  decide("1");
  const chunk = createChunk();
  const shop = open(chunk);
  document.body.innerHTML = "<button>Buy</button><button>Other</button>";
  const [buy, other] = document.querySelectorAll("button");
  buy?.addEventListener("click", () => void fetch("/orders"));
  other?.addEventListener("click", () => void fetch("/other"));
  // However long the machine takes between the two.
  const now = vi.spyOn(performance, "now").mockReturnValue(performance.now());
  await userEvent.click(buy ?? document.body);
  await userEvent.click(other ?? document.body);
  now.mockRestore();
  await expect.poll(() => shop.sent.length).toBe(2);
  chunk.arrive();
  await shop.tracing.flush();
  const spans = await shop.spans();
  const click = spans.find(({ name }) => name === "click Buy");
  const [first, second] = ["/orders", "/other"].map((path) =>
    spans.find(({ attributes }) => attributes["url.full"] === location.origin + path),
  );
  expect(first).toMatchObject({
    traceId: click?.traceId,
    parentSpanId: click?.spanId,
    attributes: { "throughline.parent": "inferred" },
  });
  expect(second?.parentSpanId).toBeUndefined();
  expect(second?.attributes["throughline.parent"]).toBeUndefined();
  expect(headers(shop)).toEqual([headerOf(first), headerOf(second)]);
});

test("what nobody caught before the chunk came is told with it, once", async () => {
  decide("1");
  const chunk = createChunk();
  const shop = open(chunk, { ...OPTIONS, instruments: [traceErrors()] });
  const rejections: unknown[] = [];
  const leave = listen(window, "unhandledrejection", (event) => rejections.push(event));
  document.body.innerHTML = "<img src='/none.png'>";
  reportError(new RangeError("too early"));
  void Promise.reject(Object.assign(new Error("NEXT_REDIRECT"), { digest: "NEXT_REDIRECT;push;/a;307;" }));
  void Promise.reject(new TypeError("lost"));
  await expect.poll(() => rejections.length).toBe(2);
  leave();
  chunk.arrive();
  await shop.tracing.flush();
  reportError(new Error("later"));
  const spans = await shop.spans();
  expect(spans.map(({ name, status }) => [name, status.message])).toEqual([
    ["uncaught error", "too early"],
    ["uncaught error", "lost"],
    ["uncaught error", "later"],
  ]);
});

test("a click of long ago that asked for nothing is no parent of what comes when the chunk is there", async () => {
  decide("1");
  const chunk = createChunk();
  const shop = open(chunk);
  document.body.innerHTML = "<button>Menu</button>";
  const before = performance.now();
  await userEvent.click(document.querySelector("button") ?? document.body);
  const now = vi.spyOn(performance, "now").mockReturnValue(before + 20_000);
  chunk.arrive();
  await shop.tracing.flush();
  now.mockRestore();
  await fetch("/later");
  await shop.tracing.flush();
  const [span] = await shop.spans();
  expect(span?.attributes["url.full"]).toBe(`${location.origin}/later`);
  expect(span?.parentSpanId).toBeUndefined();
});

test("listeners that the app added before the chunk came run in their clicks, each once; what it removed stays removed", async () => {
  decide("1");
  const before = natives();
  const chunk = createChunk();
  const shop = open(chunk);
  document.body.innerHTML = "<main><button>Buy</button><button>Other</button></main>";
  const [buy, other] = document.querySelectorAll("button");
  const calls: string[] = [];
  const call = (name: string) => (event: Event) => {
    calls.push(name);
    const path = (event.target as Element).textContent;
    // As an awaited step of the app would: the context has to come along.
    if (name === "root") void Promise.resolve().then(() => fetch(`/${path}`));
  };
  const [removed, once] = [call("removed"), call("once")];
  // One listener at the root for all, as React has it.
  document.body.addEventListener("click", call("root"));
  document.body.addEventListener("click", call("capture"), true);
  buy?.addEventListener("click", removed);
  buy?.removeEventListener("click", removed);
  buy?.addEventListener("click", once, { once: true });
  await userEvent.click(buy ?? document.body);
  expect(calls).toEqual(["capture", "once", "root"]);
  chunk.arrive();
  await shop.tracing.flush();
  for (const button of [buy, other]) await userEvent.click(button ?? document.body);
  expect(calls.slice(3)).toEqual(["capture", "root", "capture", "root"]);
  await expect.poll(() => shop.sent.length).toBe(3);
  const spans = await shop.spans();
  const requests = spans.filter(({ name }) => name === "GET").slice(1);
  const clicks = spans.filter(({ name }) => name.startsWith("click")).slice(1);
  expect(clicks.map(({ name }) => name)).toEqual(["click Buy", "click Other"]);
  expect(requests.map(({ parentSpanId }) => parentSpanId)).toEqual(clicks.map(({ spanId }) => spanId));
  expect(requests.filter(({ attributes }) => "throughline.parent" in attributes)).toEqual([]);
  await shop.tracing.stop();
  expect(natives().slice(1)).toEqual(before.slice(1));
  document.body.replaceWith(document.createElement("body"));
});

test("a listener with `once` or a `signal` runs in its click too, and never again once it has gone", async () => {
  decide("1");
  const chunk = createChunk();
  const shop = open(chunk);
  const button = show("<button>Buy</button>");
  const later = (path: string) => () => void Promise.resolve().then(() => fetch(path));
  const [kept, aborted] = [new AbortController(), new AbortController()];
  button.addEventListener("click", later("/once"), { once: true });
  button.addEventListener("click", later("/kept"), { signal: kept.signal });
  button.addEventListener("click", later("/aborted"), { signal: aborted.signal });
  aborted.abort();
  chunk.arrive();
  await shop.tracing.flush();
  await userEvent.click(button);
  await expect.poll(() => shop.sent.length).toBe(2);
  kept.abort();
  await userEvent.click(button);
  const spans = await shop.spans();
  const click = spans.find(({ name }) => name === "click Buy");
  const requests = spans.filter(({ name }) => name === "GET");
  expect(requests.map(({ attributes }) => new URL(String(attributes["url.full"])).pathname)).toEqual([
    "/once",
    "/kept",
  ]);
  for (const request of requests) {
    expect(request.parentSpanId).toBe(click?.spanId);
    expect(request.attributes).not.toHaveProperty("throughline.parent");
  }
  expect(shop.sent).toHaveLength(2);
  await shop.tracing.stop();
  document.body.replaceChildren();
});

test("a chunk that does not load is told once, and requests go on as not sampled", async () => {
  decide("1");
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const chunk = createChunk();
  const shop = open(chunk);
  await fetch("/before");
  chunk.fail();
  await shop.tracing.flush();
  await fetch("/after");
  await shop.tracing.flush();
  expect(headers(shop)).toEqual([SAMPLED, UNSAMPLED]);
  expect(shop.posted()).toEqual([]);
  expect(warn.mock.calls.map(String)).toEqual([expect.stringContaining("untraced: TypeError")]);
});

test("every trace of a sampled session is kept, and instruments are loaded with it", async () => {
  decide("1");
  page = openFakePage({ sampleRatio: 0.001 }, undefined, (options) =>
    startByEntry({
      ...options,
      instruments: async () => [
        ({ setPageAttributes }) => {
          setPageAttributes({ "throughline.page.route": "/shop" });
          return { stop: () => undefined };
        },
      ],
    }),
  );
  await fetch("/early");
  await page.tracing.flush();
  for (let index = 0; index < 5; index++) await fetch("/orders");
  const spans = await page.spans();
  expect(spans.map(({ attributes }) => attributes["throughline.page.route"])).toEqual(
    Array.from({ length: 6 }, () => "/shop"),
  );
  // Or the server, which goes by the id, would leave out its part of nearly all of them.
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(6);
  expect(spans.filter(({ traceId }) => !isKept(traceId, 0.001))).toEqual([]);
});

test("a test in the page has everything loaded, whatever was decided, and its flush waits for that", async () => {
  const hook: { id: string; flush?: () => Promise<void>; endpoint?: string } = { id: "case 7" };
  Reflect.set(globalThis, TEST_GLOBAL, hook);
  decide("0");
  const chunk = createChunk();
  const shop = open(chunk, { sampleRatio: 0 });
  await fetch("/orders");
  const flushed = hook.flush?.();
  chunk.arrive();
  await flushed;
  expect(shop.posted().map(({ resource }) => resource["test.case.id"])).toEqual(["case 7"]);
  expect(hook.endpoint).toBe(`${location.origin}/api/tl/v1/traces`);
  await shop.close();
  expect(hook.flush).toBeUndefined();
});

test("of a bad option the whole tells, once", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const chunk = createChunk();
  const shop = open(chunk, { sampleRatio: 2 });
  chunk.arrive();
  await shop.tracing.flush();
  expect(warn.mock.calls.map(String)).toEqual([expect.stringContaining("sampleRatio=2: expected a number")]);
});

test.each(["0", "1"] as const)(
  "with the decision %s a stop leaves the page's own functions, whether the chunk comes or not",
  async (decision) => {
    decide(decision);
    const before = natives();
    const chunk = createChunk();
    const shop = open(chunk);
    await shop.close();
    expect(natives()).toEqual(before);
    chunk.arrive();
    await shop.tracing.flush();
    expect(natives()).toEqual(before);
    const loaded = open(chunk);
    await loaded.tracing.flush();
    await loaded.close();
    expect(natives()).toEqual(before);
  },
);

test("after 50 hot updates, from the stub to the whole and back, one fetch is one span", async () => {
  decide("1");
  const before = natives();
  const chunk = createChunk();
  const shop = open(chunk);
  let latest = shop.tracing;
  for (let update = 0; update < 25; update++) latest = startLazily(OPTIONS, chunk.load);
  chunk.arrive();
  await latest.flush();
  for (let update = 0; update < 25; update++) {
    startWebTracing();
    latest = startLazily(OPTIONS, chunk.load);
    if (update % 2 === 0) await latest.flush();
  }
  await latest.flush();
  await fetch("/once");
  await latest.flush();
  expect(shop.posted().map(({ attributes }) => attributes["url.full"])).toEqual([`${location.origin}/once`]);
  await latest.stop();
  await shop.close();
  expect(natives()).toEqual(before);
});

test("consent: denied has no stub and stores no decision; a grant decides; pending holds without a header", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.9);
  const before = natives();
  const chunk = createChunk();
  const shop = open(chunk, { ...OPTIONS, consent: "denied" });
  const fetchOfPage = window.fetch;
  expect(natives().slice(1)).toEqual(before.slice(1));
  await fetch("/denied");
  expect(sessionStorage).toHaveLength(0);
  shop.tracing.setConsent("granted");
  expect(window.fetch).not.toBe(fetchOfPage);
  await fetch("/granted");
  expect(localStorage.getItem(SAMPLED_KEY)).toMatch(/^0 /);
  expect(headers(shop)).toEqual([null, UNSAMPLED]);
  await shop.close();

  forgetSession();
  // As good as each trace, and still not everybody.
  const pending = open(chunk, { sampleRatio: 1 - 1e-9, consent: "pending" });
  await fetch("/pending");
  chunk.arrive();
  await pending.tracing.flush();
  expect([...headers(pending), sessionStorage.length, pending.posted().length]).toEqual([null, 0, 0]);
  pending.tracing.setConsent("granted");
  expect((await pending.spans()).map(({ attributes }) => attributes["throughline.propagation"])).toEqual([
    "consent",
  ]);
});

test("what came before the chunk is told once, and never after a denial", async () => {
  const chunk = createChunk();
  const shop = open(chunk, { sampleRatio: 1 - 1e-9, consent: "pending" });
  await fetch("/before");
  chunk.arrive();
  await shop.tracing.flush();
  shop.tracing.setConsent("denied");
  shop.tracing.setConsent("granted");
  await fetch("/after");
  await shop.tracing.flush();
  const told = shop.posted().map(({ attributes }) => new URL(String(attributes["url.full"])).pathname);
  expect(told).toEqual(["/after"]);
});

test("functions that a script locked stay as they are, and the page's entry runs on", () => {
  decide("1");
  const locked = [
    [globalThis, "fetch"],
    [EventTarget.prototype, "addEventListener"],
    [EventTarget.prototype, "removeEventListener"],
  ] as const;
  const descriptors = locked.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name));
  const lock = (writable: boolean): void => {
    for (const [index, [owner, name]] of locked.entries())
      Object.defineProperty(owner, name, { ...descriptors[index], writable });
  };
  const { fetch } = globalThis;
  lock(false);
  try {
    const tracing = startLazily(OPTIONS, createChunk().load);
    expect(globalThis.fetch).toBe(fetch);
    void tracing.stop();
  } finally {
    lock(true);
  }
});

test("a browser without URL.canParse starts as any other", async () => {
  vi.stubGlobal("URL", class extends URL {});
  Object.defineProperty(URL, "canParse", { value: undefined, configurable: true });
  decide("0");
  const shop = open(createChunk(), { ...OPTIONS, propagateTo: ["https://api.test"] });
  await fetch("/orders");
  expect(headers(shop)).toEqual([UNSAMPLED]);
  vi.unstubAllGlobals();
});

test("of what a page did before its visitor answered, the share is kept", async () => {
  const chunk = createChunk();
  const shop = open(chunk, { ...OPTIONS, consent: "pending" });
  for (let count = 0; count < 64; count++) await fetch("/early");
  chunk.arrive();
  await shop.tracing.flush();
  shop.tracing.setConsent("granted");
  const spans = await shop.spans();
  expect(spans.length).toBeGreaterThan(0);
  expect(spans.filter(({ traceId }) => !isKept(traceId, 0.5))).toEqual([]);
});

test.each([
  ["by `scheduler.yield`", true],
  ["where a browser has none", false],
])("the start comes a task after what it is made of, %s, and no timer has to run for it", async (_, has) => {
  const { scheduler } = globalThis as { scheduler?: unknown };
  if (!has) Reflect.set(globalThis, "scheduler", undefined);
  decide("1");
  let [turns, before] = [0, 0];
  const spin = async (): Promise<void> => {
    for (; turns < 1000; turns++) await null;
  };
  const instrument: WebInstrument = () => {
    before = turns;
    return { stop: () => undefined };
  };
  let arrive: ((instruments: readonly WebInstrument[]) => void) | undefined;
  const instruments = (): Promise<readonly WebInstrument[]> =>
    new Promise((resolve) => {
      arrive = resolve;
    });
  const shop = openFakePage(OPTIONS, undefined, (given) => startByEntry({ ...given, instruments }));
  page = shop;
  await expect.poll(() => arrive).toBeDefined();
  const timeout = vi.spyOn(globalThis, "setTimeout").mockReturnValue(0 as never);
  arrive?.([instrument]);
  void spin();
  await shop.tracing.flush();
  timeout.mockRestore();
  Reflect.set(globalThis, "scheduler", scheduler);
  expect(before).toBe(1000);
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, lengthMs, openFakePage, type PostedSpan } from "../../test/fake-page.ts";
import { stopTime } from "../../test/used-page.ts";
import { withSpan } from "../with-span.ts";
import { traceNavigation } from "./navigation.ts";
import { onRouterTransitionStart } from "./router-transition.ts";

const { pathname } = location;
let page: FakePage;

beforeEach(() => {
  page = openFakePage({ instruments: [traceNavigation()] });
});

afterEach(async () => {
  await page.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
  Reflect.deleteProperty(window, "next");
  history.replaceState(null, "", pathname);
  document.body.replaceChildren();
});

function runNext(router?: object): void {
  Object.defineProperty(window, "next", { value: { router }, configurable: true });
}

async function navigations(): Promise<readonly PostedSpan[]> {
  return (await page.spans()).filter(({ name }) => name.startsWith("navigate"));
}

async function only(name: string): Promise<PostedSpan> {
  const spans = (await page.spans()).filter((span) => span.name === name);
  expect(spans).toHaveLength(1);
  return spans[0] as PostedSpan;
}

const rsc = (): Promise<Response> => fetch("/next?_rsc=1", { headers: { rsc: "1" } });

test("a pushState is a navigation with the path it left and the path it reached", async () => {
  history.pushState(null, "", "/orders?token=secret");
  const [span, ...others] = await navigations();
  expect(others).toEqual([]);
  expect(span).toMatchObject({
    name: "navigate /orders",
    attributes: {
      "throughline.navigation.type": "push",
      "throughline.page.route": "/orders",
      "throughline.navigation.from": pathname,
      "url.path": "/orders",
    },
  });
  expect(JSON.stringify(span)).not.toContain("secret");
});

test("replaceState and back are navigations of their own types", async () => {
  history.pushState(null, "", "/one");
  history.replaceState(null, "", "/two");
  const arrived = new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));
  history.back();
  await arrived;
  expect((await navigations()).map(({ attributes }) => attributes["throughline.navigation.type"])).toEqual([
    "push",
    "replace",
    "traverse",
  ]);
});

test("state under the same URL and a move to a fragment are no navigations", async () => {
  history.replaceState({ scroll: 1 }, "");
  location.hash = "#below";
  await expect.poll(() => location.hash).toBe("#below");
  expect(await navigations()).toEqual([]);
});

test("a navigation in a click is a child of the click", async () => {
  document.body.innerHTML = "<button>Go</button>";
  const button = document.body.firstElementChild as HTMLElement;
  button.addEventListener("click", () => history.pushState(null, "", "/orders"));
  await userEvent.click(button);
  const click = await only("click Go");
  const span = await only("navigate /orders");
  expect(span.parentSpanId).toBe(click.spanId);
  expect(span.attributes).not.toHaveProperty("throughline.parent");
});

test.each([
  ["the App Router", "/orders/7?_rsc=1", { rsc: "1", "next-router-prefetch": "1" }],
  ["the Pages Router", "/_next/data/build-1/orders/7.json?id=7", { purpose: "prefetch" }],
])(
  "a navigation to a page that %s fetched ahead says so, and the fetch itself is no span",
  async (_, url, headers) => {
    runNext();
    await fetch(url, { headers });
    onRouterTransitionStart("/orders/7", "push");
    history.pushState(null, "", "/orders/7");
    onRouterTransitionStart("/orders/8", "push");
    history.pushState(null, "", "/orders/8");
    const spans = await page.spans();
    expect(spans.map(({ attributes }) => attributes["throughline.navigation.prefetched"])).toEqual([
      true,
      undefined,
    ]);
    expect(page.sent[0]?.headers.get("traceparent")).toMatch(/-00$/);
  },
);

test("the App Router's navigation lasts from its start to its commit, with its request below it", async () => {
  runNext();
  await withSpan("click", async () => {
    onRouterTransitionStart("/orders", "push");
    await rsc();
  });
  expect(await navigations()).toEqual([]);
  history.pushState(null, "", "/orders");
  const span = await only("navigate /orders");
  const request = await only("GET");
  expect(span.parentSpanId).toBe((await only("click")).spanId);
  expect(request.parentSpanId).toBe(span.spanId);
  expect(request.attributes).not.toHaveProperty("throughline.parent");
  expect(page.sent[0]?.headers.get("traceparent")).toContain(request.spanId);
});

test("the App Router tells paths without the base path", async () => {
  await page.close();
  page = openFakePage({ instruments: [traceNavigation({ basePath: "/shop" })] });
  runNext();
  onRouterTransitionStart("/orders?x=1", "push");
  history.pushState(null, "", "/shop/orders");
  expect((await only("navigate /shop/orders")).attributes["url.path"]).toBe("/shop/orders");
});

test("under Next a change of the URL that no router announced is no navigation", async () => {
  runNext();
  history.pushState(null, "", "/orders");
  expect(await navigations()).toEqual([]);
});

test("a router's request that lost its context belongs to the pending navigation, and says so", async () => {
  runNext();
  onRouterTransitionStart("/orders", "push");
  await rsc();
  history.pushState(null, "", "/orders");
  const request = await only("GET");
  expect(request.parentSpanId).toBe((await only("navigate /orders")).spanId);
  expect(request.attributes["throughline.parent"]).toBe("inferred");
});

/** Asks until the request has no parent, as it has none once the effects of the page have had their time. */
async function untilNobodys(method: string, init: RequestInit = {}): Promise<void> {
  const parentOf = async () => {
    await fetch("/later", { ...init, method });
    return (await page.spans()).filter(({ name }) => name === method).at(-1)?.parentSpanId;
  };
  await expect.poll(parentOf).toBeUndefined();
}

test("what an effect of the new page fetches belongs to the navigation, what comes later to nobody", async () => {
  runNext();
  onRouterTransitionStart("/orders", "push");
  history.pushState(null, "", "/orders");
  await fetch("/effect");
  await untilNobodys("POST");
  const effect = await only("GET");
  expect(effect.parentSpanId).toBe((await only("navigate /orders")).spanId);
  expect(effect.attributes["throughline.parent"]).toBe("inferred");
});

test("work that knows another parent keeps it, and after the commit nothing is claimed", async () => {
  runNext();
  onRouterTransitionStart("/orders", "push");
  await withSpan("other", () => rsc());
  history.pushState(null, "", "/orders");
  await untilNobodys("POST");
  await untilNobodys("PUT", { headers: { rsc: "1" } });
  expect((await only("GET")).parentSpanId).toBe((await only("other")).spanId);
});

async function openWithoutTime(): Promise<void> {
  await page.close();
  stopTime();
  page = openFakePage({ instruments: [traceNavigation()] });
  runNext();
}

test("a transition that does not arrive ends after 30 s, with nothing below it from then on", async () => {
  await openWithoutTime();
  onRouterTransitionStart("/orders", "push");
  vi.advanceTimersByTime(29_999);
  await rsc();
  expect(await navigations()).toEqual([]);
  vi.advanceTimersByTime(1);
  const [span] = await navigations();
  expect(span?.attributes).toMatchObject({ "url.path": "/orders", "throughline.ended_by": "deadline" });
  expect(span && lengthMs(span)).toBeCloseTo(30_000, 1);
  vi.advanceTimersByTime(100);
  await fetch("/next?_rsc=2", { method: "POST", headers: { rsc: "1" } });
  history.pushState(null, "", "/orders");
  vi.advanceTimersByTime(60_000);
  expect((await only("GET")).parentSpanId).toBe(span?.spanId);
  expect((await only("POST")).parentSpanId).toBeUndefined();
  expect(await navigations()).toHaveLength(1);
});

test("the deadline of a transition that has arrived does not end the next one", async () => {
  await openWithoutTime();
  onRouterTransitionStart("/one", "push");
  history.pushState(null, "", "/one");
  vi.advanceTimersByTime(20_000);
  onRouterTransitionStart("/two", "push");
  vi.advanceTimersByTime(20_000);
  history.pushState(null, "", "/two");
  const [one, two] = await navigations();
  expect(one && lengthMs(one)).toBe(0);
  expect(two && lengthMs(two)).toBeCloseTo(20_000, 1);
  expect(two?.attributes).not.toHaveProperty("throughline.ended_by");
});

test("a transition that another overtakes is ended by it", async () => {
  runNext();
  onRouterTransitionStart("/one", "push");
  onRouterTransitionStart("/two", "replace");
  history.replaceState(null, "", "/two");
  const [first, second] = await navigations();
  expect(first?.attributes).toMatchObject({ "url.path": "/one", "throughline.ended_by": "navigation" });
  expect(second?.attributes).toMatchObject({ "url.path": "/two" });
  expect(second?.attributes).not.toHaveProperty("throughline.ended_by");
});

test("a transition that is open when the page goes is ended by that", async () => {
  runNext();
  onRouterTransitionStart("/orders", "push");
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect((await only("navigate")).attributes).toMatchObject({
    "throughline.ended_by": "pagehide",
    "url.path": "/orders",
  });
});

/** The Pages Router as far as it can be heard, and a way to speak for it. */
function runPagesRouter() {
  const listeners = new Map<string, (...args: unknown[]) => void>();
  const router = {
    pathname: "/",
    events: {
      on: (name: string, listener: (...args: unknown[]) => void) => listeners.set(name, listener),
      off: (name: string) => listeners.delete(name),
    },
  };
  runNext(router);
  // The router is there once the page is hydrated; the click that navigates is the last moment to join.
  document.body.click();
  const emit = (name: string, ...args: unknown[]) => listeners.get(name)?.(...args);
  return { router, listeners, emit };
}

/** When a span began and ended, by `performance.now`. */
function timesOf({ startTimeUnixNano, endTimeUnixNano }: PostedSpan): readonly number[] {
  return [startTimeUnixNano, endTimeUnixNano].map(
    (unixNano) => Number(unixNano) / 1e6 - performance.timeOrigin,
  );
}

const arrive = (): void => history.pushState(null, "", "/orders");

test.each([
  ["App Router", () => [() => onRouterTransitionStart("/orders", "push"), rsc, arrive]],
  [
    "Pages Router",
    () => {
      const { emit } = runPagesRouter();
      return [
        () => emit("routeChangeStart", "/orders"),
        rsc,
        arrive,
        () => emit("routeChangeComplete", "/orders"),
      ];
    },
  ],
])("a navigation of the %s begins with the first of its steps and ends with the last", async (_, stepsOf) => {
  await openWithoutTime();
  const times: number[] = [];
  for (const step of stepsOf()) {
    vi.advanceTimersByTime(100);
    times.push(performance.now());
    step();
  }
  vi.advanceTimersByTime(100);
  const [span] = await navigations();
  const [from = 0, to = 0] = span ? timesOf(span) : [];
  expect(from).toBeCloseTo(times[0] ?? 0, 1);
  expect(to).toBeCloseTo(times.at(-1) ?? 0, 1);
});

test("the Pages Router tells its start and its failure", async () => {
  const { listeners, emit } = runPagesRouter();
  emit("routeChangeStart", "/orders", { shallow: false });
  await fetch("/_next/data/orders.json", { headers: { "x-nextjs-data": "1" } });
  emit("routeChangeError", new Error("no such page"), "/orders");
  const span = await only("navigate");
  expect(span.attributes).toMatchObject({ "url.path": "/orders", "throughline.ended_by": "error" });
  expect((await only("GET")).parentSpanId).toBe(span.spanId);
  await page.tracing.stop();
  expect(listeners.size).toBe(0);
});

test("a navigation of the Pages Router ends when the page is rendered, and is named by the file of the page", async () => {
  const { router, emit } = runPagesRouter();
  emit("routeChangeStart", "/item/7", { shallow: false });
  history.pushState(null, "", "/item/7");
  expect(await navigations()).toEqual([]);
  router.pathname = "/item/[id]";
  emit("routeChangeComplete", "/item/7");
  const span = await only("navigate /item/[id]");
  expect(span.attributes).toMatchObject({
    "url.path": "/item/7",
    "throughline.navigation.type": "push",
    "throughline.page.route": "/item/[id]",
  });
});

test("the Pages Router's replace and its returns have types of their own", async () => {
  const { emit } = runPagesRouter();
  emit("routeChangeStart", "/one");
  history.replaceState(null, "", "/one");
  emit("routeChangeComplete", "/one");
  history.pushState(null, "", "/two");
  const arrived = new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));
  history.back();
  await arrived;
  emit("routeChangeStart", "/one");
  emit("routeChangeComplete", "/one");
  const types = (await navigations()).map(({ attributes }) => attributes["throughline.navigation.type"]);
  expect(types).toEqual(["replace", "traverse"]);
});

test("a shallow change of the Pages Router is no navigation", async () => {
  const { emit } = runPagesRouter();
  emit("routeChangeStart", "/?sort=price", { shallow: true });
  history.pushState(null, "", "/?sort=price");
  emit("routeChangeComplete", "/?sort=price");
  expect(await navigations()).toEqual([]);
});

test("a navigation of the App Router is named by the tree that the router leaves in its history entry", async () => {
  runNext();
  onRouterTransitionStart("/item/7", "push");
  const tree = ["", { children: ["item", { children: [["id", "7", "d"], { children: ["__PAGE__", {}] }] }] }];
  history.pushState({ __NA: true, __PRIVATE_NEXTJS_INTERNALS_TREE: { tree } }, "", "/item/7");
  await withSpan("later", () => undefined);
  expect((await only("navigate /item/[id]")).attributes).toMatchObject({ "url.path": "/item/7" });
  expect((await only("later")).attributes["throughline.page.route"]).toBe("/item/[id]");
});

test("one that is taken back before it arrives has no route, and the return says where it was", async () => {
  runNext();
  history.pushState(null, "", "/orders");
  onRouterTransitionStart("/slow", "push");
  const arrived = new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));
  history.back();
  await arrived;
  onRouterTransitionStart(location.href, "traverse");
  history.replaceState(null, "");
  const [taken, back] = await navigations();
  expect(taken?.name).toBe("navigate");
  expect(taken?.attributes).toMatchObject({ "url.path": "/slow", "throughline.ended_by": "navigation" });
  expect(back?.attributes).toMatchObject({
    "throughline.navigation.type": "traverse",
    "throughline.navigation.from": "/orders",
    "url.path": location.pathname,
  });
});

test("a query that the app writes meanwhile ends nothing", async () => {
  runNext();
  onRouterTransitionStart("/orders", "push");
  history.replaceState(null, "", "?q=x");
  expect(await navigations()).toEqual([]);
  history.pushState(null, "", "/orders");
  expect(await navigations()).toHaveLength(1);
});

test("a move to a fragment is none for the App Router either, and the same page again is", async () => {
  runNext();
  onRouterTransitionStart("#reviews", "push");
  history.pushState(null, "", "#reviews");
  expect(await navigations()).toEqual([]);
  onRouterTransitionStart(location.href, "push");
  history.replaceState(null, "");
  expect(await navigations()).toHaveLength(1);
});

test("one of the Pages Router that another overtakes is ended by it", async () => {
  const { emit } = runPagesRouter();
  emit("routeChangeStart", "/one");
  emit("routeChangeError", Object.assign(new Error("cancelled"), { cancelled: true }), "/one");
  emit("routeChangeStart", "/two");
  emit("routeChangeError", new Error("no"), "/two");
  const endedBy = (await navigations()).map(({ attributes }) => attributes["throughline.ended_by"]);
  expect(endedBy).toEqual(["navigation", "error"]);
});

test("state that the app writes under the old URL does not end a transition", async () => {
  runNext();
  onRouterTransitionStart("/orders", "push");
  history.replaceState({ scroll: 7 }, "");
  expect(await navigations()).toEqual([]);
  history.pushState(null, "", "/orders");
  expect(await navigations()).toHaveLength(1);
});

test("ids in a path are no part of a navigation's name", async () => {
  for (const id of [1, 2, 3]) history.pushState(null, "", `/orders/${id}`);
  expect((await navigations()).map(({ name }) => name)).toEqual(Array(3).fill("navigate /orders/*"));
});

test("routeName names what Next.js does not, and its failure is not the page's", async () => {
  await page.close();
  const routeName = vi.fn(({ pathname: path }: URL) => {
    if (path === "/bad") throw new Error("no route");
    return path.startsWith("/blog/") ? "/blog/:slug" : undefined;
  });
  page = openFakePage({ instruments: [traceNavigation({ routeName })] });
  for (const path of ["/blog/how-to-brew", "/bad", "/orders"]) history.pushState(null, "", path);
  expect((await navigations()).map(({ name }) => name)).toEqual([
    "navigate /blog/:slug",
    "navigate /bad",
    "navigate /orders",
  ]);
});

test("what the Pages Router fetches ahead is sent unsampled and makes no span", async () => {
  await fetch("/_next/data/orders.json", { headers: { "x-nextjs-data": "1", purpose: "prefetch" } });
  expect(page.sent[0]?.headers.get("traceparent")).toMatch(/-00$/);
  expect(await page.spans()).toEqual([]);
});

test("after a stop nothing hears the router or the history", async () => {
  await page.tracing.stop();
  onRouterTransitionStart("/orders", "push");
  history.pushState(null, "", "/orders");
  expect(page.posted()).toEqual([]);
});

interface Takeable extends Event {
  intercept(options: { readonly handler: () => Promise<unknown> }): void;
}

/** Goes to a page as a link does, with a router that does this about it. Resolves with how it went. */
async function follow(path: string, route: (event: Takeable) => void): Promise<"arrived" | "failed"> {
  const { navigation } = window as unknown as {
    readonly navigation: EventTarget & {
      navigate(url: string): Record<"finished" | "committed", Promise<void>>;
    };
  };
  const listener = (event: Event): void => route(event as Takeable);
  navigation.addEventListener("navigate", listener);
  const { committed, finished } = navigation.navigate(path);
  committed.catch(() => undefined);
  const outcome = await finished.then(
    () => "arrived" as const,
    () => "failed" as const,
  );
  navigation.removeEventListener("navigate", listener);
  return outcome;
}

test("a router that takes over the way to another document has a navigation until its work is done", async () => {
  const load = () => fetch("/data").then((response) => response.text());
  const route = (event: Takeable): void => event.intercept({ handler: load });
  expect(await follow("/orders?token=secret", route)).toBe("arrived");
  const span = await only("navigate /orders");
  expect(span.attributes).toMatchObject({
    "throughline.navigation.type": "push",
    "throughline.navigation.from": pathname,
    "url.path": "/orders",
  });
  const request = await only("GET");
  expect(request.parentSpanId).toBe(span.spanId);
  expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(request.endTimeUnixNano));
});

test("its failure ends the navigation, and a way that nobody takes over makes none", async () => {
  const fails = (event: Takeable): void =>
    event.intercept({ handler: () => Promise.reject(new Error("no")) });
  expect(await follow("/broken", fails)).toBe("failed");
  expect((await only("navigate /broken")).attributes["throughline.ended_by"]).toBe("error");
  expect(await follow("/elsewhere", (event) => event.preventDefault())).toBe("failed");
  expect((await navigations()).map(({ name }) => name)).toEqual(["navigate /broken"]);
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, openFakePage, type PostedSpan } from "../../test/fake-page.ts";
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
    name: "navigate push",
    attributes: {
      "throughline.navigation.type": "push",
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
  expect((await navigations()).map(({ name }) => name)).toEqual([
    "navigate push",
    "navigate replace",
    "navigate traverse",
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
  const span = await only("navigate push");
  expect(span.parentSpanId).toBe(click.spanId);
  expect(span.attributes).not.toHaveProperty("throughline.parent");
});

test("the App Router's navigation lasts from its start to its commit, with its request below it", async () => {
  runNext();
  await withSpan("click", async () => {
    onRouterTransitionStart("/orders", "push");
    await rsc();
  });
  expect(await navigations()).toEqual([]);
  history.pushState(null, "", "/orders");
  const span = await only("navigate push");
  const request = await only("GET");
  expect(span.parentSpanId).toBe((await only("click")).spanId);
  expect(request.parentSpanId).toBe(span.spanId);
  expect(request.attributes).not.toHaveProperty("throughline.parent");
  expect(page.sent[0]?.headers.get("traceparent")).toContain(request.spanId);
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
  expect(request.parentSpanId).toBe((await only("navigate push")).spanId);
  expect(request.attributes["throughline.parent"]).toBe("inferred");
});

test("work that knows another parent keeps it, and after the commit nothing is claimed", async () => {
  runNext();
  onRouterTransitionStart("/orders", "push");
  await withSpan("other", () => rsc());
  history.pushState(null, "", "/orders");
  await fetch("/late", { method: "POST" });
  await fetch("/later", { method: "PUT", headers: { rsc: "1" } });
  expect((await only("GET")).parentSpanId).toBe((await only("other")).spanId);
  for (const late of ["POST", "PUT"]) expect((await only(late)).parentSpanId).toBeUndefined();
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
  expect((await only("navigate push")).attributes["throughline.ended_by"]).toBe("pagehide");
});

test("the Pages Router tells its start and its failure", async () => {
  const listeners = new Map<string, (url: string) => void>();
  const on = (name: string, listener: (url: string) => void) => listeners.set(name, listener);
  const off = vi.fn((name: string) => listeners.delete(name));
  runNext({ events: { on, off } });
  // The router is there once the page is hydrated; the click that navigates is the last moment to join.
  document.body.click();
  listeners.get("routeChangeStart")?.("/orders");
  await fetch("/_next/data/orders.json", { headers: { "x-nextjs-data": "1" } });
  listeners.get("routeChangeError")?.("/orders");
  const span = await only("navigate push");
  expect(span.attributes).toMatchObject({ "url.path": "/orders", "throughline.ended_by": "error" });
  expect((await only("GET")).parentSpanId).toBe(span.spanId);
  await page.tracing.stop();
  expect(listeners.size).toBe(0);
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

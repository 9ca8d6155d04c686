import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, lengthMs, openFakePage, type PostedSpan } from "../../test/fake-page.ts";
import { stopTime } from "../../test/used-page.ts";
import { offlineQueue } from "../transport/offline-queue.ts";
import { traceNavigation } from "./navigation.ts";
import { tracePageLoad } from "./page-load.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const name of ["readyState", "visibilityState", "prerendering"])
    Reflect.deleteProperty(document, name);
  Reflect.deleteProperty(globalThis, Symbol.for("throughline.page_load"));
  sessionStorage.clear();
});

function pretend(name: "readyState" | "visibilityState" | "prerendering", value: unknown): void {
  Object.defineProperty(document, name, { value, configurable: true });
}

function open(): void {
  page = openFakePage({ instruments: [tracePageLoad()] });
}

async function named(name: string): Promise<readonly PostedSpan[]> {
  return (await page.spans()).filter((span) => span.name === name);
}

test("a page load starts with the page, and has the document and 50 of its resources below it", async () => {
  const native = performance.getEntriesByType.bind(performance);
  vi.spyOn(performance, "getEntriesByType").mockImplementation((type) =>
    type === "resource" ? Array.from({ length: 51 }, () => native(type)).flat() : native(type),
  );
  open();
  const [load] = await named("page load");
  const [document] = await named("document");
  expect(load?.parentSpanId).toBeUndefined();
  expect(Number(load?.startTimeUnixNano) / 1e6).toBeCloseTo(performance.timeOrigin, -2);
  expect(load?.attributes).toMatchObject({
    "url.path": location.pathname,
    "throughline.navigation.type": "navigate",
  });
  expect(document?.parentSpanId).toBe(load?.spanId);
  expect(document?.attributes).toMatchObject({ "http.response.status_code": 200 });
  const resources = (await page.spans()).filter(({ name }) => name.startsWith("resource "));
  expect(resources).toHaveLength(50);
  for (const resource of resources) expect(resource.parentSpanId).toBe(load?.spanId);
});

test.each([
  ["when it was parsed, where the browser does not tell the response's end", 21, ["21"]],
  ["not at all while it still comes", 0, []],
])("the document ends %s", async (_, domInteractive, expected) => {
  vi.spyOn(PerformanceNavigationTiming.prototype, "domInteractive", "get").mockReturnValue(domInteractive);
  vi.spyOn(PerformanceResourceTiming.prototype, "fetchStart", "get").mockReturnValue(0);
  vi.spyOn(PerformanceResourceTiming.prototype, "responseEnd", "get").mockReturnValue(0);
  open();
  const documents = await named("document");
  const lasted = documents.map(
    ({ startTimeUnixNano: from, endTimeUnixNano: to }) => (BigInt(to) - BigInt(from)) / 1_000_000n,
  );
  expect(lasted.map(String)).toEqual(expected);
});

test("a second start is no second load", async () => {
  open();
  await page.tracing.stop();
  await page.close();
  open();
  expect(await page.spans()).toEqual([]);
});

test("a request during the load that has no context belongs to it, one after it to nobody", async () => {
  pretend("readyState", "interactive");
  open();
  await (await fetch("/early")).text();
  pretend("readyState", "complete");
  await page.tracing.flush();
  await expect
    .poll(async () => {
      await fetch("/late", { method: "POST" });
      return (await named("POST")).at(-1)?.parentSpanId;
    })
    .toBeUndefined();
  const [load] = await named("page load");
  const [early] = await named("GET");
  const late = (await named("POST")).at(-1);
  expect(early?.parentSpanId).toBe(load?.spanId);
  expect(early?.attributes["throughline.parent"]).toBe("inferred");
  expect(late?.traceId).not.toBe(load?.traceId);
});

test("a load waits for the route that hydration brings, ends when it ended, and has what effects fetch below it", async () => {
  Object.assign(window, { next: {} });
  const { pathname } = location;
  try {
    page = openFakePage({ instruments: [tracePageLoad(), traceNavigation()] });
    await new Promise((resolve) => setTimeout(resolve));
    await fetch("/effect");
    expect(page.posted().filter(({ name }) => name === "page load")).toEqual([]);
    const tree = ["", { children: [["id", "7", "d"], { children: ["__PAGE__", {}] }] }];
    history.replaceState({ __PRIVATE_NEXTJS_INTERNALS_TREE: { tree } }, "");
    const [load] = await named("page load");
    const [entry] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    expect(load && lengthMs(load)).toBeCloseTo(entry?.loadEventEnd ?? 0, 0);
    expect(load?.attributes["throughline.page.route"]).toBe("/[id]");
    expect((await named("GET"))[0]?.parentSpanId).toBe(load?.spanId);
  } finally {
    Reflect.deleteProperty(window, "next");
    history.replaceState(null, "", pathname);
  }
});

test("a flush leaves a load that goes on alone; hiding the page ends it", async () => {
  pretend("readyState", "loading");
  open();
  expect(await named("page load")).toEqual([]);
  pretend("visibilityState", "hidden");
  document.dispatchEvent(new Event("visibilitychange"));
  const [load] = await named("page load");
  expect(load?.attributes["throughline.ended_by"]).toBe("hidden");
});

test("a load whose event does not come ends after 30 s, with nothing below it from then on", async () => {
  stopTime();
  pretend("readyState", "interactive");
  open();
  const began = performance.now();
  vi.advanceTimersByTime(29_999);
  await fetch("/early");
  expect(await named("page load")).toEqual([]);
  vi.advanceTimersByTime(1);
  const [load] = await named("page load");
  expect(load?.attributes["throughline.ended_by"]).toBe("deadline");
  expect(load && lengthMs(load)).toBeCloseTo(began + 30_000, 1);
  // What the page does for its last paint is its own still.
  vi.advanceTimersByTime(100);
  await fetch("/late", { method: "POST" });
  window.dispatchEvent(new Event("load"));
  vi.advanceTimersByTime(60_000);
  expect((await named("GET"))[0]?.parentSpanId).toBe(load?.spanId);
  expect((await named("POST"))[0]?.parentSpanId).toBeUndefined();
  expect(await named("page load")).toHaveLength(1);
});

test("a load waits 5 s for a route, and its end is that of its event all the same", async () => {
  Object.assign(window, { next: {} });
  try {
    stopTime();
    pretend("readyState", "complete");
    open();
    vi.advanceTimersByTime(4_999);
    await fetch("/early");
    // The route is looked for each 100 ms, and what effects ask for has 100 more.
    vi.advanceTimersByTime(201);
    await fetch("/late", { method: "POST" });
    const [load] = await named("page load");
    const [entry] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    expect(load && lengthMs(load)).toBeCloseTo(entry?.loadEventEnd ?? 0, 0);
    expect(load?.attributes).not.toHaveProperty("throughline.ended_by");
    expect((await named("GET"))[0]?.parentSpanId).toBe(load?.spanId);
    expect((await named("POST"))[0]?.parentSpanId).toBeUndefined();
  } finally {
    Reflect.deleteProperty(window, "next");
  }
});

test("a page that is prerendered loads when a person comes to see it, and tells nothing before", async () => {
  pretend("prerendering", true);
  open();
  await (await fetch("/ahead")).text();
  expect(await page.spans()).toEqual([]);
  pretend("prerendering", false);
  document.dispatchEvent(new Event("prerenderingchange"));
  expect(await named("page load")).toHaveLength(1);
  expect(await named("GET")).toHaveLength(1);
});

test("a prerendered page that goes unseen posts nothing and keeps nothing; one that was stopped is told once, when somebody comes after all", async () => {
  pretend("prerendering", true);
  page = openFakePage({ instruments: [tracePageLoad(), offlineQueue()] });
  await (await fetch("/ahead")).text();
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  await page.close();
  expect(page.posted()).toEqual([]);
  expect(Object.keys(localStorage).filter((key) => key.startsWith("throughline.post."))).toEqual([]);
  pretend("prerendering", false);
  for (let times = 0; times < 2; times++) document.dispatchEvent(new Event("prerenderingchange"));
  await expect.poll(() => page.posted().map(({ name }) => name)).toEqual(["GET"]);
});

/** As if the server had said which of its spans served the page. */
function pretendServed(flags: "00" | "01"): void {
  const entry = performance.getEntriesByType("navigation")[0];
  if (!entry) throw new Error("no navigation entry");
  const served = [
    { name: "traceparent", description: `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}` },
    { name: "tsrv", description: String(performance.timeOrigin) },
  ];
  Object.defineProperty(entry, "serverTiming", { value: served, configurable: true });
  vi.spyOn(performance, "getEntriesByType").mockImplementation((type) =>
    type === "navigation" ? [entry] : [],
  );
}

test("where every trace is kept, the load of a page whose SERVER span is not kept is a root, with no link into nothing", async () => {
  pretendServed("00");
  open();
  const [load] = await named("page load");
  expect(load).toBeDefined();
  expect(load?.parentSpanId).toBeUndefined();
  expect(load?.traceId).not.toBe("a".repeat(32));
  expect(load).not.toHaveProperty("links");
});

test("where a share of traces is kept, the load of a page whose SERVER span is not kept is not kept either", async () => {
  pretendServed("00");
  page = openFakePage({ instruments: [tracePageLoad()], sampleRatio: 0.999_999 });
  expect(await named("page load")).toEqual([]);
});

test("what a prerendered page fetches is below the SERVER span that served it", async () => {
  pretendServed("01");
  pretend("prerendering", true);
  open();
  await (await fetch("/ahead")).text();
  pretend("prerendering", false);
  document.dispatchEvent(new Event("prerenderingchange"));
  const [load] = await named("page load");
  const [ahead] = await named("GET");
  expect(load).toMatchObject({ traceId: "a".repeat(32), parentSpanId: "b".repeat(16) });
  expect(ahead).toMatchObject({ traceId: "a".repeat(32), parentSpanId: "b".repeat(16) });
  expect(ahead?.attributes["throughline.parent"]).toBe("inferred");
});

import { context, propagation, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";
import { TEST_GLOBAL } from "@throughline/core/attributes";
import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../test/fake-page.ts";
import { traceErrors } from "./error/uncaught-errors.ts";
import { traceSession } from "./identity/session.ts";
import type { TracedPage } from "./instrument.ts";
import { traceInteractions } from "./interaction/interactions.ts";
import { traceNavigation } from "./page/navigation.ts";
import { tracePageLoad } from "./page/page-load.ts";
import { startWebTracing } from "./start.ts";
import { offlineQueue } from "./transport/offline-queue.ts";
import { withSpan } from "./with-span.ts";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
  vi.restoreAllMocks();
});

function natives(): readonly unknown[] {
  return [
    window.fetch,
    window.setTimeout,
    window.setInterval,
    window.requestAnimationFrame,
    window.requestIdleCallback,
    window.queueMicrotask,
    Promise.prototype.then,
    XMLHttpRequest.prototype.send,
    EventTarget.prototype.addEventListener,
    EventTarget.prototype.removeEventListener,
    Object.getOwnPropertyDescriptor(MessagePort.prototype, "onmessage")?.set,
    Object.getOwnPropertyDescriptor(XMLHttpRequestEventTarget.prototype, "onload")?.set,
    Object.getOwnPropertyDescriptor(HTMLElement.prototype, "onclick")?.set,
  ];
}

test("a stop leaves the page's own functions, and no API registration", async () => {
  const before = natives();
  page = openFakePage();
  const during = natives();
  expect(during.filter((method, index) => method === before[index])).toEqual([]);
  const { fetch } = window;
  await page.close();
  expect(natives()).toEqual(before);
  expect(window.fetch).not.toBe(fetch);
  expect(trace.getTracer("test").startSpan("no").isRecording()).toBe(false);
  context.with(trace.setSpanContext(ROOT_CONTEXT, { traceId: "1", spanId: "2", traceFlags: 1 }), () => {
    expect(context.active()).toBe(ROOT_CONTEXT);
  });
});

/** What is on the window, the document and their like from now on, by type. */
function watchListeners(): () => readonly string[] {
  const kept: (readonly unknown[])[] = [];
  const find = (one: readonly unknown[]): number =>
    kept.findIndex((other) => one.every((part, index) => part === other[index]));
  // The test's own window has methods of its own.
  for (const owner of [EventTarget.prototype, window]) {
    const { addEventListener: add, removeEventListener: remove } = owner;
    vi.spyOn(owner, "addEventListener").mockImplementation(function (this: EventTarget, ...args) {
      const one = [args[0], args[1], this ?? window];
      if (find(one) < 0) kept.push(one);
      Reflect.apply(add, this, args);
    });
    vi.spyOn(owner, "removeEventListener").mockImplementation(function (this: EventTarget, ...args) {
      const index = find([args[0], args[1], this ?? window]);
      if (index >= 0) kept.splice(index, 1);
      Reflect.apply(remove, this, args);
    });
  }
  return () => kept.map(([type]) => String(type));
}

test("a stop takes every listener off the page: what one holds would stay with each hot update", async () => {
  const listeners = watchListeners();
  const instruments = [
    tracePageLoad(),
    traceNavigation(),
    traceInteractions(),
    traceErrors(),
    traceSession(),
    offlineQueue(),
  ];
  page = openFakePage({ instruments });
  expect(listeners()).toEqual(expect.arrayContaining(["click", "pagehide", "visibilitychange", "popstate"]));
  await page.close();
  expect(listeners()).toEqual([]);
});

/** A page, and what its instruments are given. */
function openTraced(): readonly [FakePage, TracedPage] {
  let traced: TracedPage | undefined;
  page = openFakePage({
    instruments: [
      (given) => {
        traced = given;
        return { stop: () => undefined };
      },
    ],
  });
  return [page, traced ?? expect.fail("no instrument was started")];
}

test("the end of a page load leaves the navigation that has begun meanwhile alone", async () => {
  const [page, { tracer, later, setPageContext }] = openTraced();
  const [load, navigation] = ["page load", "navigate /next"].map((name) => {
    const span = tracer.startSpan(name);
    setPageContext(trace.setSpan(ROOT_CONTEXT, span));
    return span;
  });
  setPageContext(undefined);
  load?.end();
  // Its own timer ran before this one, which was asked for later.
  await new Promise<void>((resolve) => later(resolve, 100));
  await window.fetch("/flight");
  setPageContext(undefined);
  navigation?.end();
  await new Promise<void>((resolve) => later(resolve, 100));
  await window.fetch("/later");
  const spans = await page.spans();
  const parentOf = (path: string) =>
    spans.find(({ attributes }) => String(attributes["url.full"]).endsWith(path))?.parentSpanId ?? "";
  expect(parentOf("/flight")).toBe(navigation?.spanContext().spanId);
  expect(parentOf("/later")).toBe("");
});

test("a page that still loads has what no navigation has", async () => {
  const [page, { tracer, setPageContext }] = openTraced();
  const begin = (name: string): Span => {
    const span = tracer.startSpan(name);
    setPageContext(trace.setSpan(ROOT_CONTEXT, span));
    return span;
  };
  const load = begin("load");
  begin("navigate").end();
  setPageContext(undefined);
  const parentOfLatest = async (): Promise<string | undefined> => {
    await fetch("/later");
    return (await page.spans()).filter(({ name }) => name === "GET").at(-1)?.parentSpanId;
  };
  await expect.poll(parentOfLatest).toBe(load.spanContext().spanId);
});

test("a second start stops the first: one fetch is one span", async () => {
  page = openFakePage({ serviceName: "first" });
  const again = startWebTracing({ serviceName: "second" });
  await fetch("/orders");
  await again.flush();
  expect((await page.spans()).map(({ name, resource }) => [name, resource["service.name"]])).toEqual([
    ["GET", "second"],
  ]);
  await page.tracing.stop();
  await fetch("/orders");
  await again.flush();
  expect(await page.spans()).toHaveLength(2);
  await again.stop();
  await fetch("/orders");
  expect(await page.spans()).toHaveLength(2);
});

test("after 50 hot updates one fetch is one span, and a stop still leaves the page's own functions", async () => {
  const before = natives();
  page = openFakePage();
  let latest = page.tracing;
  for (let update = 0; update < 50; update++) latest = startWebTracing();
  await fetch("/once");
  await latest.flush();
  expect(page.posted().map(({ attributes }) => attributes["url.full"])).toEqual([`${location.origin}/once`]);
  await latest.stop();
  await page.close();
  expect(natives()).toEqual(before);
});

test("a fetch that somebody patched after us still reaches them after a stop", async () => {
  const native = window.fetch;
  page = openFakePage();
  const ours = window.fetch;
  const seen: unknown[] = [];
  const theirs: typeof fetch = (input, init) => {
    seen.push(input);
    return ours(input, init);
  };
  window.fetch = theirs;
  await page.tracing.stop();
  await fetch("/orders");
  expect(window.fetch).toBe(theirs);
  expect(seen).toEqual(["/orders"]);
  expect(page.sent.map(({ headers }) => headers.has("traceparent"))).toEqual([false]);
  window.fetch = native;
});

test("a bad option is told once with its cure, and the page goes on untraced", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const before = natives();
  const tracing = startWebTracing({ sampleRatio: 2, propagateTo: ["https://*.example.com"] });
  expect(natives()).toEqual(before);
  await tracing.flush();
  await tracing.stop();
  expect(warn.mock.calls).toHaveLength(1);
  const message = String(warn.mock.calls[0]?.[0]);
  expect(message).toContain("@throughline/web: tracing is off. ");
  expect(message).toContain("sampleRatio=2: expected a number from 0 to 1");
  expect(message).toContain('propagateTo=["https://*.example.com"]: expected a list');
});

test("a denial forgets what is stored where a bad option keeps the page untraced too", () => {
  vi.spyOn(console, "warn").mockReturnValue(undefined);
  localStorage.setItem("throughline.session", "x");
  startWebTracing({ sampleRatio: 2 }).setConsent("denied");
  expect(localStorage.getItem("throughline.session")).toBeNull();
  Reflect.deleteProperty(globalThis, Symbol.for("throughline.consent"));
});

test("a span that cannot be written takes no other along, and no work", async () => {
  for (const consent of ["granted", "pending"] as const) {
    page = openFakePage({ consent });
    withSpan("before", () => undefined);
    const bad = { links: [{} as never] };
    expect(withSpan("bad", bad, () => "done")).toBe("done");
    expect(withSpan(1001 as never, { startTime: [1.5, 0] }, () => "done")).toBe("done");
    withSpan("after", () => undefined);
    page.tracing.setConsent("granted");
    const names = (await page.spans()).map(({ name }) => name);
    expect(names.filter((name) => ["before", "after"].includes(name))).toEqual(["before", "after"]);
    await page.close();
  }
});

test("every span says which service it is of, and what else was asked for", async () => {
  page = openFakePage({ serviceName: "shop-web", resourceAttributes: { "service.version": "1.2.3" } });
  await fetch("/orders");
  const [span] = await page.spans();
  expect(span?.resource).toEqual({ "service.name": "shop-web", "service.version": "1.2.3" });
});

test("the API's own tracer, context and propagator are part of the same traces", async () => {
  page = openFakePage();
  const carrier: Record<string, string> = {};
  trace.getTracer("app").startActiveSpan("own", (span) => {
    propagation.inject(context.active(), carrier);
    void fetch("/orders");
    span.end();
  });
  await expect.poll(() => page?.sent.length).toBe(1);
  const spans = await page.spans();
  const own = spans.find(({ name }) => name === "own");
  expect(spans.find(({ name }) => name === "GET")?.parentSpanId).toBe(own?.spanId);
  expect(carrier.traceparent).toBe(`00-${own?.traceId}-${own?.spanId}-01`);
  const extracted = propagation.extract(ROOT_CONTEXT, carrier);
  expect(trace.getSpanContext(extracted)).toEqual({
    traceId: own?.traceId,
    spanId: own?.spanId,
    traceFlags: 1,
    isRemote: true,
  });
});

test("a test in the page gets a flush, and its id is on every span", async () => {
  const hook: { id: string; flush?: () => Promise<void>; endpoint?: string } = { id: "case 7" };
  Reflect.set(globalThis, TEST_GLOBAL, hook);
  page = openFakePage({ sampleRatio: 0 });
  Reflect.deleteProperty(globalThis, TEST_GLOBAL);
  await fetch("/orders");
  await hook.flush?.();
  expect(page.posted().map(({ name, resource }) => [name, resource["test.case.id"]])).toEqual([
    ["GET", "case 7"],
  ]);
  expect(hook.endpoint).toBe(`${location.origin}/api/tl/v1/traces`);
  await page.close();
  expect(hook.flush).toBeUndefined();
});

test("hiding the page posts what has ended", async () => {
  page = openFakePage();
  await fetch("/orders").then((response) => response.text());
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  document.dispatchEvent(new Event("visibilitychange"));
  expect(page.posted().map(({ name }) => name)).toEqual(["GET"]);
});

test("an instrument that fails at every turn costs neither the app, nor the others, nor what was traced", async () => {
  const calls: string[] = [];
  const fails = (): never => {
    throw new Error("no such element");
  };
  page = openFakePage({
    instruments: [
      ({ describeSpans, claimRequests, soon }) => {
        describeSpans(fails);
        claimRequests(fails);
        soon(fails);
        return { stop: fails, cut: fails, settle: fails };
      },
      () => ({
        stop: () => calls.push("stop"),
        cut: (reason) => calls.push(`cut ${reason}`),
        settle: () => calls.push("settle"),
      }),
    ],
  });
  expect(await fetch("/orders").then((response) => response.text())).toBe("ok");
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect(page.posted().map(({ name }) => name)).toEqual(["GET"]);
  await page.tracing.flush();
  await page.close();
  expect(calls.slice(0, 4)).toEqual(["cut pagehide", "settle", "cut stop", "stop"]);
});

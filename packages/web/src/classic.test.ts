import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { TEST_GLOBAL } from "@throughline/core/attributes";
import { afterEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, openFakePage, type PostedSpan } from "../test/fake-page.ts";
import { startWebTracing, withSpan } from "./classic.ts";
import { door, ERROR_DOOR } from "./error/error-door.ts";
import { traceErrors } from "./error/uncaught-errors.ts";
import type { WebTracingOptions } from "./options.ts";
import { tracePageLoad } from "./page/page-load.ts";
import { startWebTracing as startDefault } from "./start.ts";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

function open(options: WebTracingOptions = {}): FakePage {
  page = openFakePage(options, undefined, startWebTracing);
  return page;
}

/** A request's span is handed over 300 ms after its answer. */
async function requests(from: FakePage, count: number): Promise<readonly PostedSpan[]> {
  const read = async () => (await from.spans()).filter(({ kind }) => kind === 3);
  await expect.poll(async () => (await read()).length).toBe(count);
  return read();
}

function natives(): readonly unknown[] {
  return [
    window.fetch,
    EventTarget.prototype.addEventListener,
    EventTarget.prototype.removeEventListener,
    Object.getOwnPropertyDescriptor(HTMLElement.prototype, "onclick")?.set,
  ];
}

test("a click, what it awaits and what it requests are one trace", async () => {
  const shop = open();
  document.body.innerHTML = "<button>Buy</button>";
  document.querySelector("button")?.addEventListener("click", () => {
    setTimeout(() => withSpan("check out", () => void fetch("/orders")), 0);
  });
  await userEvent.click(document.body.querySelector("button") ?? document.body);
  const [request] = await requests(shop, 1);
  const spans = await shop.spans();
  const [click, checkOut] = ["click Buy", "check out"].map((name) =>
    spans.find((span) => span.name === name),
  );
  expect(checkOut?.parentSpanId).toBe(click?.spanId);
  expect(request?.parentSpanId).toBe(checkOut?.spanId);
  const header = `00-${request?.traceId}-${request?.spanId}-01`;
  expect(shop.sent.map(({ headers }) => headers.get("traceparent"))).toEqual([header]);
});

test("instruments are started and stopped as in the default preset", async () => {
  const shop = open({ instruments: [tracePageLoad(), traceErrors()] });
  document.body.innerHTML = "<button>Buy</button>";
  document.querySelector("button")?.addEventListener("click", () => {
    throw new RangeError("too many");
  });
  await userEvent.click(document.querySelector("button") ?? document.body);
  const spans = await shop.spans();
  const [click, error, load, html] = ["click Buy", "uncaught error", "page load", "document"].map((name) =>
    spans.find((span) => span.name === name),
  );
  expect(error?.attributes["error.type"]).toBe("RangeError");
  expect(error?.parentSpanId).toBe(click?.spanId);
  expect(load?.attributes["throughline.navigation.type"]).toBe("navigate");
  expect(html?.parentSpanId).toBe(load?.spanId);

  expect(door[ERROR_DOOR]).toBeDefined();
  await shop.tracing.stop();
  expect(door[ERROR_DOOR]).toBeUndefined();
});

test("what an instrument says of the page is on every span", async () => {
  const shop = open({
    instruments: [
      ({ setPageAttributes }) => {
        setPageAttributes({ "throughline.page.route": "/shop" });
        return { stop: () => undefined };
      },
    ],
  });
  withSpan("work", () => undefined);
  const [work] = await shop.spans();
  expect(work?.attributes).toEqual({ "throughline.page.route": "/shop" });
});

test("a stop leaves the page's functions as zone.js left them, and no API registration", async () => {
  const before = natives();
  const shop = open();
  expect(natives().filter((method, index) => method === before[index])).toEqual([]);
  await shop.close();
  expect(natives()).toEqual(before);
  expect(trace.getTracer("test").startSpan("no").isRecording()).toBe(false);
  context.with(trace.setSpanContext(ROOT_CONTEXT, { traceId: "1", spanId: "2", traceFlags: 1 }), () => {
    expect(context.active()).toBe(ROOT_CONTEXT);
  });
});

test("after 50 starts of both presets one request is one span", async () => {
  const shop = open();
  for (let update = 0; update < 25; update++) {
    startDefault();
    startWebTracing({ serviceName: "last" });
  }
  const last = startWebTracing({ serviceName: "last" });
  await fetch("/once");
  await expect.poll(() => last.flush().then(() => shop.posted().length)).toBe(1);
  expect(shop.posted().map(({ name, resource }) => [name, resource["service.name"]])).toEqual([
    ["GET", "last"],
  ]);
  await last.stop();
});

test("its own posts are no task of the zone in which a span ended", async () => {
  const shop = open();
  const tasks: string[] = [];
  const zone = Zone.current.fork({
    name: "app",
    onScheduleTask(parent, _current, target, task) {
      if (task.type === "macroTask") tasks.push(task.source);
      return parent.scheduleTask(target, task);
    },
  });
  zone.run(() => setTimeout(() => undefined, 0));
  expect(tasks).toEqual(["setTimeout"]);
  await zone.run(async () => {
    withSpan("work", () => undefined);
    await shop.tracing.flush();
  });
  expect(shop.posted().map(({ name }) => name)).toEqual(["work"]);
  expect(tasks).toEqual(["setTimeout"]);
});

test("a test in the page gets a flush, and its id is on every span", async () => {
  const hook: { id: string; flush?: () => Promise<void>; endpoint?: string } = { id: "case 9" };
  Reflect.set(globalThis, TEST_GLOBAL, hook);
  const shop = open({ sampleRatio: 0 });
  Reflect.deleteProperty(globalThis, TEST_GLOBAL);
  withSpan("work", () => undefined);
  await hook.flush?.();
  expect(shop.posted().map(({ name, resource }) => [name, resource["test.case.id"]])).toEqual([
    ["work", "case 9"],
  ]);
  expect(hook.endpoint).toBe(`${location.origin}/api/tl/v1/traces`);
  await shop.close();
  expect(hook.flush).toBeUndefined();
});

test("a bad option is told once with its cure, and the page goes on untraced", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const before = natives();
  startWebTracing({ sampleRatio: 2 });
  expect(natives()).toEqual(before);
  expect(warn.mock.calls.map(String)).toEqual([
    expect.stringContaining("sampleRatio=2: expected a number from 0 to 1"),
  ]);
});

test("an address that is none costs neither a span nor the start", async () => {
  const shop = open({ ignoreUrls: ["https://"] });
  withSpan("odd", { attributes: { "url.full": "http://localhost:99999/" } }, () => undefined);
  expect((await shop.spans()).map(({ name }) => name)).toEqual(["odd"]);
});

test("consent ends tracing and begins it again", async () => {
  const shop = open({ consent: "denied" });
  withSpan("denied", () => undefined);
  await fetch("/denied");
  shop.tracing.setConsent("granted");
  withSpan("granted", () => undefined);
  expect((await shop.spans()).map(({ name }) => name)).toEqual(["granted"]);
  expect(shop.sent.map(({ headers }) => headers.get("traceparent"))).toEqual([null]);
});

test("consent: pending holds spans and writes no header, granted sends them, denied takes tracing off", async () => {
  const before = natives().slice(1);
  const shop = open({ consent: "pending" });
  const read = (url: string): Promise<string> => fetch(url).then((answer) => answer.text());
  await read("/pending");
  await shop.tracing.flush();
  expect(shop.posted()).toEqual([]);
  shop.tracing.setConsent("granted");
  const [held] = await requests(shop, 1);
  expect(held?.attributes["url.full"]).toBe(`${location.origin}/pending`);
  shop.tracing.setConsent("denied");
  expect(natives().slice(1)).toEqual(before);
  await read("/denied");
  expect(shop.sent.map(({ headers }) => headers.get("traceparent"))).toEqual([null, null]);
  expect(await shop.spans()).toHaveLength(1);
});

import { context, propagation, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import {
  awaitHook,
  bind,
  offlineQueue,
  setConsent,
  traceErrors,
  traceSession,
  traceXhr,
  withSpan,
} from "../index.ts";
import { tracePageLoad } from "../page/page-load.ts";

let page: FakePage | undefined;

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

afterEach(async () => {
  await page?.close();
  page = undefined;
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

function stored(): readonly string[] {
  return [...Object.keys(localStorage), ...Object.keys(sessionStorage)];
}

function natives(): readonly unknown[] {
  return [
    window.setTimeout,
    Promise.prototype.then,
    XMLHttpRequest.prototype.send,
    EventTarget.prototype.addEventListener,
    Object.getOwnPropertyDescriptor(HTMLElement.prototype, "onclick")?.set,
  ];
}

function headersOf(fake: FakePage): readonly (string | null)[] {
  return fake.sent.map(({ headers }) => headers.get("traceparent"));
}

const EVERYTHING = [traceSession(), offlineQueue(), tracePageLoad(), traceErrors(), traceXhr(), awaitHook()];

test("denied: the page has its own functions, nothing is stored, posted or written on a request", async () => {
  const before = natives();
  page = openFakePage({ consent: "denied", instruments: EVERYTHING });
  expect(natives()).toEqual(before);
  await withSpan("own", () => fetch("/orders"));
  await page.tracing.flush();
  expect(page.posted()).toEqual([]);
  expect(headersOf(page)).toEqual([null]);
  expect(stored()).toEqual([]);
});

test("denied: bind and withSpan run what they are given, and throw on what it throws", async () => {
  page = openFakePage({ consent: "denied" });
  expect(bind((a: number, b: number) => a + b)(1, 2)).toBe(3);
  expect(await withSpan("own", async (span) => span.run(() => "done"))).toBe("done");
  expect(() =>
    withSpan("own", () => {
      throw new RangeError("no");
    }),
  ).toThrow(RangeError);
});

test("a denial drops what was not sent, and removes all that was stored but not what is the page's", async () => {
  localStorage.setItem("cart", "1");
  localStorage.setItem("throughline.post.1.1", "{}");
  sessionStorage.setItem("step", "2");
  page = openFakePage({ instruments: [traceSession(), offlineQueue()] });
  await fetch("/orders").then((response) => response.text());
  expect(stored()).toContain("throughline.session");
  page.tracing.setConsent("denied");
  await page.tracing.flush();
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect(page.posted()).toEqual([]);
  expect(stored()).toEqual(["cart", "step"]);
});

test("a denial in one tab reaches the others of the session; a key that somebody removes is no denial", async () => {
  page = openFakePage({ instruments: [traceSession()] });
  await fetch("/orders").then((response) => response.text());
  const told: (string | null)[] = [];
  const other = document.createElement("iframe");
  document.body.append(other);
  other.contentWindow?.addEventListener("storage", ({ key, newValue }) => {
    if (key === "throughline.session") told.push(newValue);
  });
  page.tracing.setConsent("denied");
  // What the other tab hears, in its own words.
  await expect.poll(() => told.slice(-2)).toEqual(["", null]);

  page.tracing.setConsent("granted");
  const before = natives();
  window.dispatchEvent(new StorageEvent("storage", { key: "throughline.session", newValue: null }));
  expect(natives()).toEqual(before);
  window.dispatchEvent(new StorageEvent("storage", { key: "throughline.session", newValue: "" }));
  expect(natives()).not.toEqual(before);
});

test("a post that waits for another try is not sent after a denial, not even when consent comes back", async () => {
  let answered = 0;
  const native = globalThis.fetch;
  const bodies: string[] = [];
  page = openFakePage();
  await page.close();
  globalThis.fetch = async (_input, init) => {
    bodies.push(String(init?.body));
    answered++;
    return new Response("", { status: 503, headers: { "retry-after": "1" } });
  };
  const { startWebTracing } = await import("../start.ts");
  const tracing = startWebTracing({ ignoreUrls: ["/quiet"], instruments: [offlineQueue()] });
  withSpan("before the denial", () => undefined);
  const flushed = tracing.flush();
  await expect.poll(() => answered).toBe(1);
  setConsent("denied");
  setConsent("granted");
  await flushed;
  expect(bodies.filter((body) => body.includes("before the denial"))).toHaveLength(1);
  expect(stored()).toEqual([]);
  await tracing.stop();
  globalThis.fetch = native;
});

test("pending: nothing is stored, posted or propagated; granted: the spans arrive with their own times", async () => {
  page = openFakePage({ consent: "pending", instruments: [traceSession(), offlineQueue()] });
  const started = Date.now();
  await fetch("/early").then((response) => response.text());
  const carrier: Record<string, string> = {};
  withSpan("own", () => propagation.inject(context.active(), carrier));
  await page.tracing.flush();
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect(page.posted()).toEqual([]);
  expect([...stored(), ...headersOf(page), ...Object.keys(carrier)]).toEqual([null]);

  page.tracing.setConsent("granted");
  await fetch("/late").then((response) => response.text());
  const spans = await page.spans();
  const requests = spans.filter(({ name }) => name === "GET");
  expect(requests.map(({ attributes }) => attributes["throughline.propagation"])).toEqual([
    "consent",
    "sent",
  ]);
  expect(headersOf(page)).toEqual([null, `00-${requests[1]?.traceId}-${requests[1]?.spanId}-01`]);
  expect(new Set(spans.map(({ attributes }) => attributes["session.id"])).size).toBe(1);
  expect(Number(BigInt(requests[0]?.startTimeUnixNano ?? 0) / 1_000_000n)).toBeLessThan(Date.now() + 1);
  expect(Number(BigInt(requests[0]?.startTimeUnixNano ?? 0) / 1_000_000n)).toBeGreaterThan(started - 1000);
  expect(localStorage.getItem("throughline.session")).toContain(
    String(requests[1]?.attributes["session.id"]),
  );
});

test("pending: a request says no header even where it is a prefetch or an XMLHttpRequest", async () => {
  page = openFakePage({ consent: "pending", instruments: [traceXhr()] });
  const set = vi.spyOn(XMLHttpRequest.prototype, "setRequestHeader");
  await fetch("/next", { headers: { "next-router-prefetch": "1" } });
  await new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname);
    request.onloadend = resolve;
    request.send();
  });
  expect(headersOf(page)).toEqual([null]);
  expect(set).not.toHaveBeenCalled();
  page.tracing.setConsent("granted");
  const [span] = await page.spans();
  expect(span?.attributes["throughline.propagation"]).toBe("consent");
});

test("pending, then denied: what was held is gone, also after a later consent", async () => {
  page = openFakePage({ consent: "pending" });
  withSpan("held", () => undefined);
  setConsent("denied");
  withSpan("while denied", () => undefined);
  setConsent("granted");
  withSpan("granted", () => undefined);
  expect((await page.spans()).map(({ name }) => name)).toEqual(["granted"]);
});

test("pending holds the newest thousand spans, and at most 512 KiB", async () => {
  page = openFakePage({ consent: "pending" });
  for (let index = 0; index < 1100; index++) withSpan(`small ${index}`, () => undefined);
  setConsent("granted");
  const names = (await page.spans()).map(({ name }) => name);
  expect([names.length, names[0], names.at(-1)]).toEqual([1000, "small 100", "small 1099"]);
  await page.close();

  page = openFakePage({ consent: "pending" });
  const text = "x".repeat(60 * 1024);
  for (let index = 0; index < 10; index++)
    withSpan(`large ${index}`, (span) => span.setAttribute("text", text));
  setConsent("granted");
  expect((await page.spans()).map(({ name }) => name)).toEqual(
    [2, 3, 4, 5, 6, 7, 8, 9].map((index) => `large ${index}`),
  );
});

test.each([
  [true, 0],
  [false, 1],
  [undefined, 1],
])("gpc: with navigator.globalPrivacyControl = %s one span becomes %i", async (signal, count) => {
  const own = Object.getOwnPropertyDescriptor(navigator, "globalPrivacyControl");
  Object.defineProperty(navigator, "globalPrivacyControl", { value: signal, configurable: true });
  page = openFakePage({ consent: "gpc" });
  if (own) Object.defineProperty(navigator, "globalPrivacyControl", own);
  else Reflect.deleteProperty(navigator, "globalPrivacyControl");
  await fetch("/orders").then((response) => response.text());
  expect(await page.spans()).toHaveLength(count);
  expect(headersOf(page).filter(Boolean)).toHaveLength(count);
});

test("back and forth: each time tracing begins again and ends again, and clicks still own their requests", async () => {
  const before = natives();
  page = openFakePage({ instruments: [traceSession()] });
  document.body.innerHTML = "<button>Buy</button>";
  const button = document.body.firstElementChild as HTMLElement;
  button.addEventListener("click", () => void fetch("/orders"));
  for (let round = 0; round < 3; round++) {
    setConsent("denied");
    expect(natives()).toEqual(before);
    await userEvent.click(button);
    setConsent("granted");
    await userEvent.click(button);
    await page.tracing.flush();
  }
  const spans = await page.spans();
  const clicks = spans.filter(({ name }) => name === "click Buy");
  const requests = spans.filter(({ name }) => name === "GET");
  expect(headersOf(page).map(Boolean)).toEqual([false, true, false, true, false, true]);
  expect(requests.map(({ parentSpanId }) => parentSpanId)).toEqual(clicks.map(({ spanId }) => spanId));
  expect(requests.filter(({ attributes }) => "throughline.parent" in attributes)).toEqual([]);
  // After each denial the visitor is somebody new.
  expect(new Set(spans.map(({ attributes }) => attributes["session.id"])).size).toBe(3);
  await page.close();
  expect(natives()).toEqual(before);
});

test("an answer from before the start holds, and a second start keeps it", async () => {
  setConsent("denied");
  page = openFakePage();
  const { startWebTracing } = await import("../start.ts");
  const again = startWebTracing();
  await fetch("/orders");
  await again.flush();
  expect([...page.posted(), ...headersOf(page)]).toEqual([null]);
  await again.stop();
});

test("a stop forgets the answer", async () => {
  page = openFakePage();
  setConsent("denied");
  await page.close();
  page = openFakePage();
  await fetch("/orders").then((response) => response.text());
  expect(await page.spans()).toHaveLength(1);
});

test("what is no answer counts as a denial", async () => {
  page = openFakePage({ consent: "pending" });
  setConsent("yes" as "granted");
  expect(trace.getTracer("app").startSpan("own").isRecording()).toBe(false);
});

test("a denial after tracing was stopped forgets what is stored", async () => {
  page = openFakePage({ instruments: [traceSession(), offlineQueue()] });
  await fetch("/orders");
  await page.tracing.stop();
  expect(stored()).not.toEqual([]);
  setConsent("denied");
  expect(stored()).toEqual([]);
  setConsent("granted");
});

test("a denial where nothing was started forgets what an earlier page stored", () => {
  localStorage.setItem("throughline.session", "1");
  setConsent("denied");
  expect(stored()).toEqual([]);
  setConsent("granted");
});

test("a tracer that outlives its tracing sends and stores nothing after a denial", async () => {
  page = openFakePage({ instruments: [traceSession()] });
  const tracer = trace.getTracer("shop");
  await page.tracing.stop();
  setConsent("denied");
  tracer.startSpan("late").end();
  await page.tracing.flush();
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect(page.posted().map(({ name }) => name)).not.toContain("late");
  expect(stored()).toEqual([]);
  setConsent("granted");
});

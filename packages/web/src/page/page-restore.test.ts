import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakePage, openFakePage, type PostedSpan } from "../../test/fake-page.ts";
import type { WebInstrument } from "../instrument.ts";
import { traceRestores } from "./page-restore.ts";

let page: FakePage;

beforeEach(() => {
  const restores: WebInstrument = (traced) => traceRestores(traced);
  page = openFakePage({ instruments: [restores] });
});

afterEach(async () => {
  await page.close();
  Reflect.deleteProperty(document, "visibilityState");
});

function show(visibilityState: "visible" | "hidden"): void {
  Object.defineProperty(document, "visibilityState", { value: visibilityState, configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}

/** What a browser tells of a page that goes and may come back. */
function leave(persisted = true): void {
  window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted }));
  show("hidden");
}

function comeBack(): void {
  show("visible");
  window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
}

async function views(): Promise<readonly PostedSpan[]> {
  return (await page.spans()).filter(({ name }) => name === "page view");
}

test("each return from the back/forward cache is a page view with a trace of its own", async () => {
  leave();
  comeBack();
  await expect.poll(views).toHaveLength(1);
  leave();
  comeBack();
  await expect.poll(views).toHaveLength(2);
  const [first, second] = await views();
  expect(first?.parentSpanId).toBeUndefined();
  expect(second?.parentSpanId).toBeUndefined();
  expect(second?.traceId).not.toBe(first?.traceId);
  expect(first?.attributes).toEqual({
    "url.path": location.pathname,
    "throughline.navigation.type": "back-forward-cache",
  });
});

test("what the page fetches as it becomes visible again belongs to the view, what it fetches later does not", async () => {
  leave();
  document.addEventListener("visibilitychange", () => void fetch("/fresh"), { once: true });
  comeBack();
  await expect.poll(views).toHaveLength(1);
  const [view] = await views();
  const traceOfLater = async () => {
    await fetch("/later", { method: "POST" });
    return (await page.spans()).filter(({ name }) => name === "POST").at(-1)?.traceId;
  };
  await expect.poll(traceOfLater).not.toBe(view?.traceId);
  const spans = await page.spans();
  const fresh = spans.find(({ name }) => name === "GET");
  expect(fresh).toMatchObject({ traceId: view?.traceId, parentSpanId: view?.spanId });
});

test("a view that is left before its first paint says so", async () => {
  leave();
  comeBack();
  leave();
  const [view] = await views();
  expect(view?.attributes["throughline.ended_by"]).toBe("pagehide");
});

test("a page that is only hidden, or shown for the first time, is no new view", async () => {
  window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: false }));
  show("hidden");
  show("visible");
  leave(false);
  show("visible");
  expect(await page.spans()).toEqual([]);
});

test("after a stop a page that comes back is not told", async () => {
  leave();
  await page.tracing.stop();
  comeBack();
  await page.tracing.flush();
  expect(page.posted()).toEqual([]);
});

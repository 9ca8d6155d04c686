import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import { traceWebVitals } from "./web-vitals.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
  vi.restoreAllMocks();
});

/** A script of a frame as the browser tells it; headless browsers tell frames of a test page only at times. */
function script(startTime: number, duration: number) {
  return {
    startTime,
    duration,
    invokerType: "event-listener",
    invoker: "BUTTON#buy.onclick",
    sourceURL: "https://shop.test/app.js?user=ada",
    sourceFunctionName: "buy",
  };
}

/** What the library says when a slower interaction has come about. */
function measure(change: { readonly value: number; readonly id?: string }): void {
  const holder = globalThis as { [key: symbol]: { readonly report: (metric: unknown) => void } };
  holder[Symbol.for("throughline.web-vitals")]?.report({
    name: "INP",
    delta: 0,
    id: "v6-1",
    rating: "good",
    navigationType: "navigate",
    entries: [{ startTime: 100, target: document.body }],
    ...change,
  });
}

test("a script whose outermost function is our own listener is told without our name and address", async () => {
  page = openFakePage({ instruments: [traceWebVitals()] });
  const scripts = [{ ...script(150, 60), sourceFunctionName: "throughline" }];
  const frame = { duration: 200, firstUIEventTimestamp: 100, scripts } as unknown as PerformanceEntry;
  vi.spyOn(PerformanceObserver.prototype, "takeRecords").mockReturnValue([frame]);
  measure({ value: 200 });
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  const told = (await page.spans()).find(({ name }) => name === "script event-listener");
  expect(told?.attributes).toEqual({ "throughline.script.invoker": "BUTTON#buy.onclick" });
});

/** Id, value and delta of each interaction that was told. */
async function told(): Promise<readonly unknown[]> {
  const spans = (await page.spans()).filter(({ name }) => name === "web vital INP");
  return spans.map(({ attributes }) =>
    ["id", "value", "delta"].map((name) => attributes[`browser.web_vital.${name}`]),
  );
}

test("the slowest interaction is told once, when the page hides or is left for another, then what it grew by", async () => {
  page = openFakePage({ instruments: [traceWebVitals()] });
  measure({ value: 40 });
  measure({ value: 120 });
  expect(await told()).toEqual([]);
  measure({ value: 16, id: "v6-2" });
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  expect(await told()).toHaveLength(2);
  measure({ value: 56, id: "v6-2" });
  expect(await told()).toEqual([
    ["v6-1", 120, 120],
    ["v6-2", 16, 16],
    ["v6-2", 56, 40],
  ]);
});

test("the five longest scripts that ran during an interaction are its children, their URLs scrubbed", async () => {
  // No span may end later than now.
  await vi.waitUntil(() => performance.now() > 320);
  page = openFakePage({ instruments: [traceWebVitals()] });
  const during = [10, 60, 20, 50, 30, 40].map((duration) => script(150, duration));
  const frame = {
    duration: 200,
    firstUIEventTimestamp: 100,
    scripts: [...during, script(10, 80), script(320, 90)],
  } as unknown as PerformanceEntry;
  const untouched = { ...frame, firstUIEventTimestamp: 0, scripts: [script(150, 99)] } as typeof frame;
  vi.spyOn(PerformanceObserver.prototype, "takeRecords").mockReturnValue([frame, untouched]);
  measure({ value: 200 });
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  const spans = await page.spans();
  const vital = spans.find(({ name }) => name === "web vital INP");
  const scripts = spans.filter(({ name }) => name === "script event-listener");
  expect(vital).toBeDefined();
  expect(scripts.map(({ parentSpanId }) => parentSpanId)).toEqual(Array(5).fill(vital?.spanId));
  const nanos = scripts.map((span) => BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano));
  expect(nanos.map((duration) => Math.round(Number(duration) / 1e6))).toEqual([60, 50, 40, 30, 20]);
  expect(scripts[0]?.attributes).toEqual({
    "url.full": "https://shop.test/app.js?user=REDACTED",
    "throughline.script.invoker": "BUTTON#buy.onclick",
    "code.function.name": "buy",
  });
});

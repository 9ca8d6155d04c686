import { afterEach, expect, test } from "vitest";
import { readServerSpan, rememberServed, type ServedBefore, type ServedDocument } from "./server-timing.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const ORIGIN = 1_700_000_000_000;

afterEach(() => sessionStorage.clear());

function served(change: Partial<ServedDocument> = {}, tsrv = ORIGIN + 90): ServedDocument {
  return {
    serverTiming: [
      { name: "db", description: "" },
      { name: "traceparent", description: `00-${TRACE}-${SPAN}-01` },
      { name: "tsrv", description: String(tsrv) },
    ],
    responseStart: 100,
    transferSize: 2000,
    encodedBodySize: 1700,
    deliveryType: "",
    ...change,
  };
}

function never(): ServedBefore {
  return { has: () => false, add: () => undefined };
}

const fresh = (document: ServedDocument): boolean | undefined =>
  readServerSpan(document, ORIGIN, never())?.fresh;

test("a header of this visit names the span that served the document", () => {
  expect(readServerSpan(served(), ORIGIN, never())).toEqual({
    traceId: TRACE,
    spanId: SPAN,
    sampled: true,
    fresh: true,
  });
});

test("an unsampled header says so", () => {
  const serverTiming = [
    { name: "traceparent", description: `00-${TRACE}-${SPAN}-00` },
    { name: "tsrv", description: String(ORIGIN) },
  ];
  expect(readServerSpan(served({ serverTiming }), ORIGIN, never())).toMatchObject({
    sampled: false,
    fresh: true,
  });
});

test("without a valid traceparent there is no span", () => {
  expect(readServerSpan(served({ serverTiming: [] }), ORIGIN, never())).toBeUndefined();
  const { serverTiming: _, ...withoutSecureContext } = served({});
  expect(readServerSpan(withoutSecureContext, ORIGIN, never())).toBeUndefined();
  const serverTiming = [{ name: "traceparent", description: `00-${"0".repeat(32)}-${SPAN}-01` }];
  expect(readServerSpan(served({ serverTiming }), ORIGIN, never())).toBeUndefined();
});

test("a header that is a minute old, or from a minute ahead, is stale", () => {
  expect(fresh(served({}, ORIGIN + 100 - 59_999))).toBe(true);
  expect(fresh(served({}, ORIGIN + 100 - 60_000))).toBe(false);
  expect(fresh(served({}, ORIGIN + 100 + 60_000))).toBe(false);
});

test("a header without its time is stale", () => {
  const serverTiming = [{ name: "traceparent", description: `00-${TRACE}-${SPAN}-01` }];
  expect(fresh(served({ serverTiming }))).toBe(false);
});

test("a document out of the browser's cache is stale, one that the server confirmed is not", () => {
  expect(fresh(served({ deliveryType: "cache", transferSize: 0 }))).toBe(false);
  expect(fresh(served({ deliveryType: "cache", transferSize: 300 }))).toBe(true);
  expect(fresh(served({ deliveryType: "navigational-prefetch", transferSize: 0 }))).toBe(true);
});

test("where bytes are counted when the last has come, a document on its way is fresh, a whole one tells", () => {
  const firefox = { deliveryType: undefined, transferSize: 0 } as object;
  expect(fresh(served({ ...firefox, encodedBodySize: 0 }))).toBe(true);
  expect(fresh(served(firefox))).toBe(false);
  expect(fresh(served({ transferSize: 0, encodedBodySize: 0 }))).toBe(false);
});

test("the same header is fresh once in a tab", () => {
  const twice = [1, 2].map(
    () =>
      readServerSpan(
        served(),
        ORIGIN,
        rememberServed(() => sessionStorage),
      )?.fresh,
  );
  expect(twice).toEqual([true, false]);
});

test("a tab remembers the last twenty", () => {
  const before = rememberServed(() => sessionStorage);
  for (let id = 0; id < 25; id++) before.add(String(id));
  expect(["4", "5", "24"].map((id) => before.has(id))).toEqual([false, true, true]);
});

import { buildTraceTree, type SpanRecord } from "@throughline/core";
import { expect, test } from "vitest";
import {
  browserPost,
  click,
  evidenceOf,
  handler,
  OTHER_TRACE,
  order,
  PAGE,
  postEntry,
  serverHalf,
  serverPost,
  settledReport,
  spanOf,
} from "../test-data/order-trace.ts";
import { findGaps, findHeadless } from "./connected.ts";
import type { SettleReport } from "./evidence.ts";
import type { WireEntry } from "./wire.ts";

const gaps = (spans: readonly SpanRecord[], entry: Partial<WireEntry> = {}): string[] =>
  findGaps(buildTraceTree(spans), [postEntry(entry)]).map((gap) => gap.message);

const half = serverHalf.slice(0, 2);
const serverTrace = { traceId: OTHER_TRACE, spanId: serverPost.spanId, sampled: true };
const HEADLESS =
  "POST /api/orders (shop) answered a request of the page, and no span of the page is above it";

/** What is told of a server's half whose page has no tracer, unless told otherwise. */
function headless(
  entry: Partial<WireEntry>,
  barrier: Partial<SettleReport> = {},
  spans: readonly SpanRecord[] = half,
): string[] {
  const pages = { flushedPages: 0, unflushedPages: [PAGE], untracedPages: [PAGE] };
  const wire = [postEntry({ serverTrace, traceparent: undefined, ...entry })];
  const settled = settledReport({ ...pages, ...barrier });
  const evidence = evidenceOf({ trees: [buildTraceTree(spans)], wire, settled });
  return findHeadless(evidence).gaps.map((gap) => gap.message);
}

test("a whole trace has no gap", () => {
  expect(gaps(order)).toEqual([]);
});

test("a request to the page's origin needs its server", () => {
  expect(gaps([click, browserPost])).toEqual(["POST /api/orders (web) has no SERVER child"]);
});

test("a server half that answered a page without a tracer is a gap", () => {
  expect(headless({})).toEqual([HEADLESS]);
  // Whoever opens an address that is no page of the app's asks for the server's half alone.
  expect(headless({ resourceType: "document" })).toEqual([]);
  expect(headless({ pageOrigin: undefined })).toEqual([]);
  // Something in the page traces.
  const traceparent = { traceId: OTHER_TRACE, spanId: browserPost.spanId, sampled: true };
  expect(headless({ traceparent })).toEqual([]);
});

test("a page that was closed proves no tracer, one that is open and has one needs no span of its request", () => {
  expect(headless({}, { unflushedPages: [], untracedPages: [] })).toEqual([HEADLESS]);
  expect(headless({}, { flushedPages: 1 })).toEqual([]);
  // Consent is denied, or the page did not answer in time.
  expect(headless({}, { untracedPages: [] })).toEqual([]);
  expect(headless({ pageOrigin: "http://other.test" })).toEqual([]);
});

test("a server's root whose parent never arrived is told once", () => {
  const [root = serverPost, ...rest] = half;
  const orphan = { ...root, parentSpanId: browserPost.spanId };
  const traceparent = { traceId: OTHER_TRACE, spanId: browserPost.spanId, sampled: true };
  // The header was added behind the page, which sent none.
  expect(headless({}, {}, [orphan, ...rest])).toEqual([]);
  expect(gaps([orphan, ...rest], { serverTrace, traceparent })).toEqual([
    `POST /api/orders (shop) names a parent ${browserPost.spanId} that never arrived`,
  ]);
});

test("a request elsewhere, or one without an answer, needs none", () => {
  const foreign = { ...browserPost.attributes, "url.full": "http://vendor.test/api" };
  const { "http.response.status_code": _status, ...unanswered } = browserPost.attributes;
  expect(gaps([click, { ...browserPost, attributes: foreign }])).toEqual([]);
  expect(gaps([click, { ...browserPost, attributes: unanswered }])).toEqual([]);
});

test("a missing parent and a second root are gaps", () => {
  expect(gaps(order.filter((span) => span !== handler)).length).toBe(2);
  expect(gaps([...order, spanOf({ id: "lost", service: "web", name: "lost" })])).toEqual([
    "2 roots: click Buy, lost",
  ]);
});

test("a cycle is a gap", () => {
  const loop = { ...serverPost, parentSpanId: handler.spanId };
  expect(gaps([loop, handler]).some((message) => message.includes("cycle"))).toBe(true);
});

test.each([["/data.json"], ["/healthz"]])("%s, of which a server makes no span, needs none", (path) => {
  const url = PAGE + path;
  const attributes = { ...browserPost.attributes, "http.request.method": "GET", "url.full": url };
  const spans = [click, { ...browserPost, attributes }];
  expect(gaps(spans, { method: "GET", url, serverTrace: undefined })).toEqual([]);
  // This server has made one, in another trace.
  const serverTrace = { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true };
  expect(gaps(spans, { method: "GET", url, serverTrace })).toEqual([`GET ${path} (web) has no SERVER child`]);
});

test("a request that a cache answered needs no server", () => {
  expect(gaps([click, browserPost], { serverTrace: undefined, isCopy: true })).toEqual([]);
});

import { buildTraceTree, type SpanRecord } from "@throughline/core";
import { expect, test } from "vitest";
import {
  browserPost,
  click,
  OTHER_TRACE,
  order,
  outbound,
  PAGE,
  postEntry,
  settledReport,
  TRACE,
} from "../test-data/order-trace.ts";
import { entryOf, type HopFinding, judgeHop } from "./hop.ts";
import type { WireEntry } from "./wire.ts";

function judge(
  wire: readonly WireEntry[],
  settled = true,
  spans: readonly SpanRecord[] = [click, browserPost],
): HopFinding | undefined {
  const tree = buildTraceTree(spans);
  const node = tree.nodes.find(({ span }) => span.spanId === browserPost.spanId);
  return node && judgeHop(node, tree, wire, settled ? settledReport() : undefined);
}

const withPropagation = (value: string): SpanRecord[] => [
  click,
  { ...browserPost, attributes: { ...browserPost.attributes, "throughline.propagation": value } },
];

test("a hop that a server joined is no finding", () => {
  expect(judge([postEntry()], true, order)).toBeUndefined();
});

test("a server's own outgoing call is no browser hop", () => {
  const tree = buildTraceTree([outbound]);
  const [node] = tree.nodes;
  expect(node && judgeHop(node, tree, [postEntry()], settledReport())).toBeUndefined();
});

test("TL-P02: no header on the wire, proven as soon as the scope has settled", () => {
  const wire = [
    postEntry({ traceparent: undefined, serverTrace: { traceId: OTHER_TRACE, spanId: "1", sampled: true } }),
  ];
  expect(judge(wire, true, withPropagation("off"))).toMatchObject({
    code: "TL-P02",
    proven: true,
    cause: "propagation is switched off in startWebTracing",
  });
  expect(judge(wire, false)?.proven).toBe(false);
});

test("TL-P02 on a span that says it sent the header points at what rewrites requests", () => {
  expect(judge([postEntry({ traceparent: undefined })])?.cause).toMatch(/took it off/);
});

test("TL-P03: header sent, the server answered with another trace", () => {
  const serverTrace = { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true };
  expect(judge([postEntry({ serverTrace })])).toMatchObject({ code: "TL-P03", proven: true });
  expect(judge([postEntry({ serverTrace })], false)?.proven).toBe(false);
});

test("TL-P03 without the server's word is not proven: another server than the flushed one may have answered", () => {
  expect(judge([postEntry({ serverTrace: undefined })])).toMatchObject({ code: "TL-P03", proven: false });
});

test("of a request without a word of its server, the share of traces is named; where that server was flushed, alone", () => {
  expect(judge([postEntry({ serverTrace: undefined })])).toMatchObject({
    cause: expect.stringContaining("it keeps a share"),
    fix: "start the server with OTEL_TRACES_SAMPLER_ARG=1, as it was built",
  });
  for (const finding of [
    judge([postEntry({ serverTrace: undefined })], false),
    judge([postEntry({ serverTrace: undefined, pageOrigin: "http://other.test" })]),
  ]) {
    expect(finding?.cause).toContain("the server is not traced, keeps a share");
    expect(finding?.fix).toContain("OTEL_TRACES_SAMPLER_ARG=1");
  }
});

test("a copy out of a cache is told as such, and proves nothing: it may be renewed behind the answer", () => {
  expect(judge([postEntry({ serverTrace: undefined, isCopy: true })])).toMatchObject({
    code: undefined,
    proven: false,
    cause: expect.stringContaining("cache"),
  });
});

test("of a request that a server leaves out, the cause says so, and nothing is proven", () => {
  const url = `${PAGE}/data.json`;
  const attributes = { ...browserPost.attributes, "http.request.method": "GET", "url.full": url };
  const asked = [click, { ...browserPost, attributes }];
  const entry = { method: "GET", url, serverTrace: undefined };
  expect(judge([postEntry(entry)], true, asked)).toMatchObject({
    code: "TL-P03",
    proven: false,
    cause: expect.stringContaining("public/"),
  });
  const serverTrace = { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true };
  expect(judge([postEntry({ ...entry, serverTrace })], true, asked)?.cause).toMatch(/a proxy removed/);
});

test("a server that joined but has not exported is waited for", () => {
  expect(judge([postEntry()])).toMatchObject({ code: undefined, proven: false });
});

test("a server that joined without recording will never export", () => {
  const serverTrace = { traceId: TRACE, spanId: "5050505050505050", sampled: false };
  expect(judge([postEntry({ serverTrace })])).toMatchObject({ code: undefined, proven: true });
});

test("a request under way, failed or unseen proves nothing", () => {
  for (const wire of [
    [postEntry({ state: "open" })],
    [postEntry({ state: "failed", traceparent: undefined })],
    [],
  ]) {
    expect(judge(wire)?.proven).toBe(false);
  }
});

test("of several requests to one place, the span takes the one that carries its id, else the nearest in time", () => {
  const tree = buildTraceTree([click, browserPost]);
  const [, node] = tree.nodes;
  const startUnixMs = postEntry().startUnixMs;
  const far = postEntry({ order: 0, traceparent: undefined, startUnixMs: startUnixMs - 500 });
  const near = postEntry({ order: 1, traceparent: undefined, startUnixMs: startUnixMs + 1 });
  const elsewhere = postEntry({ order: 2, traceparent: undefined, url: "http://other.test/api/orders" });
  const exact = postEntry({ order: 3, startUnixMs: startUnixMs + 900 });
  expect(node && entryOf(node, [far, near, elsewhere])).toBe(near);
  expect(node && entryOf(node, [far, near, elsewhere, exact])).toBe(exact);
});

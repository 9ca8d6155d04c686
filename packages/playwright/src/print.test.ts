import { buildTraceTree, type SpanRecord } from "@throughline/core";
import { expect, test } from "vitest";
import {
  browserPost,
  click,
  documentOf,
  evidenceOf,
  OTHER_TRACE,
  order,
  postEntry,
  serverHalf,
  settledReport,
  spanOf,
} from "../test-data/order-trace.ts";
import type { Evidence } from "./evidence.ts";
import { judgeConnection, judgePath } from "./matchers.ts";
import { type SpanPattern, span } from "./patterns.ts";
import { printBarrier, printGapFailure, printPathFailure } from "./print.ts";

const path: readonly SpanPattern[] = [
  span.click("Buy"),
  span.client("POST", "/api/orders"),
  span.server("POST", "/api/orders"),
  span.client("GET", "/stock"),
];
const serverTrace = { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true };

function failPath(evidence: Evidence, patterns = path, columns = 100): string {
  const { state, detail } = judgePath(patterns, evidence);
  const outcome = { state: state === "open" ? ("timeout" as const) : state, evidence, waitedMs: 412.4 };
  // As one line each, whatever the width.
  return printPathFailure({ patterns, outcome, columns, ...detail }).replace(/(?<=\S)\n {14}(?=\S)/g, " ");
}

const broken = evidenceOf({
  trees: [buildTraceTree([click, browserPost])],
  nearby: [buildTraceTree(serverHalf)],
  wire: [postEntry({ serverTrace })],
  settled: settledReport(),
  documents: [documentOf([click, browserPost]), documentOf(serverHalf)],
});

test("a broken browser hop is named, with the code, both halves, the wire and the cause", () => {
  const text = failPath(broken);
  expect(text).toContain("Broken between 2 and 3: browser → server.  TL-P03");
  expect(text).toMatch(/✓ click Buy +web +internal/);
  expect(text).toMatch(/✓ └─ POST \/api\/orders → 201 +web +client/);
  expect(text).toContain("(expected) server POST /api/orders");
  expect(text).toContain(
    "trace 9f40…17  (shop, inventory, 5 spans, not connected; known from Server-Timing)",
  );
  expect(text).toMatch(/~ POST \/api\/orders +shop +server/);
  expect(text).toMatch(
    /On the wire +POST http:\/\/shop.test\/api\/orders → 201 +traceparent: 0af7…9c \(sent\) +server-timing: 9f40…17/,
  );
  expect(text).toMatch(/Likely cause +a proxy removed the header/);
  expect(text).toMatch(
    /Waited +412 ms, proven, not timed out; wire idle, browser flushed \(1 page\), server flushed/,
  );
  expect(text).toMatch(/Arrived +7 spans in 2 traces/);
});

test("a request without the header is named TL-P02 and shown as absent on the wire", () => {
  const text = failPath({ ...broken, wire: [postEntry({ traceparent: undefined, serverTrace })] });
  expect(text).toContain("Broken between 2 and 3: browser → server.  TL-P02");
  expect(text).toContain("traceparent: (absent)");
});

test("no line is wider than the terminal, however narrow", () => {
  const deep = Array.from({ length: 30 }, (_, index) =>
    spanOf({
      id: `d${index}`,
      ...(index ? { parent: `d${index - 1}` } : {}),
      service: "shop",
      name: "n".repeat(80),
    }),
  );
  const text = failPath(evidenceOf({ trees: [buildTraceTree(deep)] }), [span.named("absent")], 80);
  const wide = text.split("\n").filter((line) => line.includes("▕") && line.length > 76);
  expect(wide).toEqual([]);
  expect(text).toContain('Step 1 is missing: no span of 1 trace is span "absent".');
});

test("a later hop that never came is named by its two sides", () => {
  const spans = order.filter((item) => item.resource["service.name"] !== "inventory");
  const text = failPath(evidenceOf({ trees: [buildTraceTree(spans)] }), [
    ...path,
    span.server("GET", "/stock"),
  ]);
  expect(text).toContain(
    "Broken between 4 and 5: server → server.  No span of this trace is server GET /stock.",
  );
  expect(text).toContain("timed out");
});

test("a span in the wrong place is shown where it hangs", () => {
  const spans = order.map(
    (item): SpanRecord =>
      item.kind === "server" && item.name === "GET /stock" ? { ...item, parentSpanId: click.spanId } : item,
  );
  const text = failPath(evidenceOf({ trees: [buildTraceTree(spans)] }), [
    ...path,
    span.server("GET", "/stock"),
  ]);
  expect(text).toContain("GET /stock (inventory) is there, but hangs under click Buy.");
});

test("a step into another process that was left out is named", () => {
  const text = failPath(evidenceOf({ trees: [buildTraceTree(order)] }), [
    span.click("Buy"),
    span.server("POST", "/api/orders"),
  ]);
  expect(text).toContain("POST /api/orders (shop) is there, but hangs under POST /api/orders.");
  expect(text).toMatch(
    /What to do +put client POST \/api\/orders between the two: a step into another process/,
  );
});

test("a text that no span has is told how it is compared", () => {
  const evidence = evidenceOf({ trees: [buildTraceTree(order)], settled: settledReport() });
  expect(failPath(evidence, [span.click("Bu")])).toMatch(/What to do +compare the expected step .* whole/);
});

test("of two clicks the second trace is not called unconnected", () => {
  const second = order.map((item): SpanRecord => ({ ...item, traceId: OTHER_TRACE }));
  const text = failPath(
    evidenceOf({
      trees: [buildTraceTree(order), buildTraceTree(second)],
      wire: [postEntry(), postEntry({ serverTrace })],
    }),
    [...path, span.db("DELETE")],
  );
  expect(text).toContain("the callback made it too");
  expect(text).not.toContain("not connected");
});

test("no trace at all says what to look at", () => {
  const text = failPath(evidenceOf({}));
  expect(text).toMatch(/Arrived +0 spans in 0 traces at http:\/\/collector\.test/);
  expect(text).toContain("1 request on the wire, but no span of this test arrived");
  expect(text).toContain('"npx throughline doctor http://shop.test" names the first step');
  const opened = failPath(
    evidenceOf({ wire: [postEntry({ pageOrigin: undefined, url: "http://127.0.0.1:3000/a?b" })] }),
  );
  expect(opened).toContain('"npx throughline doctor http://127.0.0.1:3000"');
  expect(failPath(evidenceOf({ wire: [] }))).toContain("the callback made no request");
});

test("a slow answer is told as such, with the time and the cure", () => {
  const barrier = settledReport({ busy: ["http://shop.test/api/slow"] });
  const text = failPath(evidenceOf({ barrier }));
  expect(text).toContain("No trace yet: 1 request on the wire, 1 without an answer");
  expect(text).not.toContain("doctor");
  expect(text).toMatch(/Waited +412 ms, timed out; wire busy \(http:\/\/shop\.test\/api\/slow\)/);
  expect(text).toMatch(/What to do +wait for the answer: \{ timeout: … \}/);
});

test("a page without the tracer is told how it gets one, and not where its spans arrived", () => {
  const settled = settledReport({
    flushedPages: 0,
    server: "no flush route",
    unflushedPages: ["http://shop.test/"],
  });
  const traced = failPath(evidenceOf({ trees: [buildTraceTree([click])], settled }));
  expect(traced).not.toContain("see that the page is traced");
  expect(traced).toContain("browser not flushed (no tracer, or no answer in time: http://shop.test/)");
  const text = failPath(evidenceOf({ trees: [buildTraceTree(serverHalf)], settled }));
  expect(text).toMatch(/What to do +see that the page is traced: OTEL_ENABLED=true at next build/);
  // The callback closed the page.
  const closed = evidenceOf({
    trees: [buildTraceTree(serverHalf)],
    settled: { ...settled, unflushedPages: [] },
  });
  expect(failPath(closed)).not.toContain("see that the page is traced");
});

test("a missing flush token and early pages are told in the failure", () => {
  const text = failPath({
    ...broken,
    barrier: settledReport({ server: "no token" }),
    notes: ["loaded early"],
  });
  expect(text).toContain("THROUGHLINE_FLUSH_TOKEN is not set here");
  expect(text).toMatch(/Note +loaded early/);
});

test("a long trace is cut, its marked spans are kept", () => {
  const many = Array.from({ length: 60 }, (_, index) =>
    spanOf({ id: `m${index}`, parent: click.spanId, service: "web", startMs: index }),
  );
  const late = spanOf({ id: "late", parent: click.spanId, service: "web", name: "late", startMs: 99 });
  const evidence = evidenceOf({ trees: [buildTraceTree([click, ...many, late])] });
  const text = failPath(evidence, [span.click("Buy"), span.named("late"), span.named("absent")]);
  expect(text).toContain("… 21 more spans");
  expect(text).toMatch(/✓ └─ late/);
});

test("an unconnected trace lists its gaps and marks them", () => {
  const { detail } = judgeConnection(broken);
  const outcome = { state: "hopeless" as const, evidence: broken, waitedMs: 1 };
  const text = printGapFailure({ outcome, columns: 100, ...detail });
  expect(text).toContain("Broken: browser → server.  TL-P03");
  expect(text).toContain("- POST /api/orders (web) has no SERVER child");
  expect(text).toMatch(/✗ └─ POST \/api\/orders/);
});

test("a barrier says what it did not reach", () => {
  expect(printBarrier(undefined)).toBe("no flush finished");
  const report = settledReport({ busy: ["http://shop.test/slow"], flushedPages: 0, server: "failed: 404" });
  expect(printBarrier(report)).toBe(
    "wire busy (http://shop.test/slow), browser not flushed (no page is open), server not flushed (failed: 404)",
  );
});

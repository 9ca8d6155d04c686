import type { ExpectMatcherState } from "@playwright/test";
import { buildTraceTree, type SpanRecord } from "@throughline/core";
import { expect, test } from "vitest";
import {
  browserPost,
  click,
  evidenceOf,
  OTHER_TRACE,
  order,
  outbound,
  postEntry,
  serverHalf,
  serverPost,
  settledReport,
  stock,
} from "../test-data/order-trace.ts";
import type { Evidence, TraceHandle } from "./evidence.ts";
import { createMatchers, judgeAbsence, judgeConnection, judgePath } from "./matchers.ts";
import { type SpanPattern, span } from "./patterns.ts";

const hop = [span.client("POST", "/api/orders"), span.server("POST", "/api/orders")];
const serverTrace = { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true };
const tree = (...spans: readonly SpanRecord[]): ReturnType<typeof buildTraceTree> => buildTraceTree(spans);

// A handle whose evidence never changes: whatever stays open times out.
function frozen(evidence: Evidence): TraceHandle & { reports: string[] } {
  const reports: string[] = [];
  return {
    reports,
    traces: async () => evidence.trees,
    watch: async (judge) => {
      const { state, detail } = judge(evidence);
      return { state: state === "open" ? "timeout" : state, detail, evidence, waitedMs: 1 };
    },
    report: (text) => reports.push(text),
  };
}

const stateOf = (isNot: boolean): ExpectMatcherState => ({ isNot, timeout: 100 }) as ExpectMatcherState;
const { toHavePath, toBeConnected } = createMatchers(() => 100);

test("a path that is there holds at once, settled or not", () => {
  expect(judgePath(hop, evidenceOf({ trees: [tree(...order)] })).state).toBe("holds");
});

test("a missing step stays open while it may still come", () => {
  expect(judgePath(hop, evidenceOf({})).state).toBe("open");
  expect(judgePath(hop, evidenceOf({ trees: [tree(click)], settled: settledReport() })).state).toBe("open");
  expect(
    judgePath(hop, evidenceOf({ trees: [tree(click, browserPost)], settled: settledReport() })).state,
  ).toBe("open");
});

test("a broken hop is hopeless once the scope has settled, not before", () => {
  const evidence = evidenceOf({ trees: [tree(click, browserPost)], wire: [postEntry({ serverTrace })] });
  expect(judgePath(hop, evidence).state).toBe("open");
  expect(judgePath(hop, { ...evidence, settled: settledReport() }).state).toBe("hopeless");
});

test("one broken request does not condemn a second one that may still be joined", () => {
  const second = { ...browserPost, spanId: "b1b1b1b1b1b1b1b1" };
  const wire = [
    postEntry({ serverTrace }),
    postEntry({ order: 1, traceparent: { traceId: click.traceId, spanId: second.spanId, sampled: true } }),
  ];
  const evidence = evidenceOf({ trees: [tree(click, browserPost, second)], wire, settled: settledReport() });
  expect(judgePath(hop, evidence).state).toBe("open");
});

test("absence is proven by a flushed server and no call that may still be answered", () => {
  const absent = [span.db("DELETE")];
  const whole = evidenceOf({ trees: [tree(...order)] });
  expect(judgeAbsence(absent, whole).state).toBe("open");
  expect(judgeAbsence(absent, { ...whole, settled: settledReport({ server: "no token" }) }).state).toBe(
    "open",
  );
  expect(judgeAbsence(absent, { ...whole, settled: settledReport() }).state).toBe("holds");
  const unanswered = evidenceOf({
    trees: [tree(click, browserPost, serverPost, outbound)],
    settled: settledReport(),
  });
  expect(judgeAbsence(absent, unanswered).state).toBe("open");
  expect(judgeAbsence(hop, whole).state).toBe("hopeless");
});

test("connected needs a barrier, a trace and no gap", () => {
  const whole = evidenceOf({ trees: [tree(...order)] });
  expect(judgeConnection(whole).state).toBe("open");
  expect(judgeConnection({ ...whole, settled: settledReport() }).state).toBe("holds");
  expect(judgeConnection(evidenceOf({ settled: settledReport() })).state).toBe("open");
});

test("a page without a tracer fails at once with the cure, one that was flushed passes without a span", async () => {
  const asked = { traceId: OTHER_TRACE, spanId: serverPost.spanId, sampled: true };
  const wire = [postEntry({ serverTrace: asked, traceparent: undefined })];
  const pages = ["http://shop.test/"];
  const untraced = settledReport({
    flushedPages: 0,
    unflushedPages: pages,
    untracedPages: pages,
    server: "no flush route",
  });
  const half = evidenceOf({ trees: [tree(...serverHalf)], wire, barrier: untraced });
  expect(judgeConnection(half).state).toBe("open");
  const failed = await toBeConnected.call(stateOf(false), frozen({ ...half, settled: untraced }));
  expect(failed.message()).toMatch(/Broken: browser → server\. +the page has no tracer/);
  expect(failed.message()).toMatch(/What to do +OTEL_ENABLED=true at next build and withTracing/);
  expect(failed.message()).toMatch(/Waited .*proven, not timed out/);
  const traced = settledReport();
  expect(judgeConnection({ ...half, barrier: traced, settled: traced }).state).toBe("holds");
});

test("every main trace must be connected, not just one", () => {
  const lonely = tree(...[click, browserPost].map((item) => ({ ...item, traceId: OTHER_TRACE })));
  const wire = [postEntry({ state: "open" })];
  const evidence = evidenceOf({ trees: [tree(...order), lonely], wire, settled: settledReport() });
  expect(judgeConnection(evidence).state).toBe("open");
  expect(judgeConnection({ ...evidence, mainCount: 1 }).state).toBe("holds");
});

test("a failed path reports its text for the attachment", async () => {
  const handle = frozen(evidenceOf({ trees: [tree(click, browserPost)] }));
  const result = await toHavePath.call(stateOf(false), handle, hop);
  expect(result.pass).toBe(false);
  expect(handle.reports).toEqual([result.message()]);
  expect(result.message()).toContain("browser → server");
});

test("a negated path passes only where traces demonstrably arrived", async () => {
  const whole = evidenceOf({ trees: [tree(...order)], settled: settledReport() });
  const absent = [span.db("DELETE")];
  expect((await toHavePath.call(stateOf(true), frozen(whole), absent)).pass).toBe(false);
  expect((await toHavePath.call(stateOf(true), frozen(whole), hop)).pass).toBe(true);
  await expect(
    toHavePath.call(stateOf(true), frozen(evidenceOf({ settled: settledReport() })), absent),
  ).rejects.toThrow(/not proven, because no span of this scope arrived/);
  for (const settled of [
    undefined,
    settledReport({ server: "no token" }),
    settledReport({ server: "failed: 404" }),
  ]) {
    await expect(toHavePath.call(stateOf(true), frozen({ ...whole, settled }), absent)).rejects.toThrow(
      /not proven, because no flush was complete/,
    );
  }
});

test("a negated connection fails on a connected trace and passes on a gap", async () => {
  const settled = settledReport();
  const whole = frozen(evidenceOf({ trees: [tree(...order)], settled }));
  const gap = frozen(evidenceOf({ trees: [tree(click, browserPost, stock)], settled }));
  expect((await toBeConnected.call(stateOf(true), whole)).pass).toBe(true);
  expect((await toBeConnected.call(stateOf(true), gap)).pass).toBe(false);
});

test("a value that is no trace, an empty path and a step that is no pattern are refused with the cure", async () => {
  const handle = frozen(evidenceOf({}));
  await expect(toHavePath.call(stateOf(false), handle, [])).rejects.toThrow(/at least one pattern/);
  const text = ["click Buy"] as unknown as readonly SpanPattern[];
  await expect(toHavePath.call(stateOf(false), handle, text)).rejects.toThrow(
    /step 1 of toHavePath\(\) is "click Buy", which is no pattern, .*build it with span\.click\(\)/,
  );
  const notATrace = undefined as unknown as TraceHandle;
  await expect(toBeConnected.call(stateOf(false), notATrace)).rejects.toThrow(/pass what "await otel.during/);
  const promise = Promise.resolve(handle) as unknown as TraceHandle;
  await expect(toBeConnected.call(stateOf(false), promise)).rejects.toThrow(
    /a promise \(is there no await\?\)/,
  );
});

test("a negation that a slow answer leaves unproven says how long it waited, and how to wait longer", async () => {
  const slow = evidenceOf({ barrier: settledReport({ busy: ["http://shop.test/slow"] }) });
  await expect(toHavePath.call(stateOf(true), frozen(slow), hop)).rejects.toThrow(
    /not proven, because no span of this scope arrived after \d+ ms \(wire busy \(http:\/\/shop\.test\/slow\).*: wait for the answer: \{ timeout: … \}/,
  );
});

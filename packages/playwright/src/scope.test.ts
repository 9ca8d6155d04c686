import type { SpanRecord } from "@throughline/core";
import { expect, test } from "vitest";
import {
  browserPost,
  click,
  documentOf,
  OTHER_TRACE,
  order,
  postEntry,
  serverHalf,
  spanOf,
  TEST_ID,
  TRACE,
  WINDOW,
} from "../test-data/order-trace.ts";
import { type ScopeWindow, selectScope } from "./scope.ts";
import type { WireEntry } from "./wire.ts";

function select(
  traces: readonly (readonly SpanRecord[])[],
  wire: readonly WireEntry[] = [],
  window: ScopeWindow = WINDOW,
): { trees: string[]; mainCount: number; nearby: string[] } {
  const scope = selectScope(TEST_ID, traces.map(documentOf), wire, window);
  const ids = (list: readonly { traceId: string }[]): string[] => list.map((tree) => tree.traceId);
  return { trees: ids(scope.trees), mainCount: scope.mainCount, nearby: ids(scope.nearby) };
}

const move = (spans: readonly SpanRecord[], traceId: string, ms: number): SpanRecord[] =>
  spans.map((span) => ({
    ...span,
    traceId,
    startUnixNano: span.startUnixNano + BigInt(ms) * 1_000_000n,
    endUnixNano: span.endUnixNano + BigInt(ms) * 1_000_000n,
  }));

test("a click inside the callback is the main trace", () => {
  expect(select([order])).toEqual({ trees: [TRACE], mainCount: 1, nearby: [] });
});

test("a trace that began before or after the callback is not in its scope", () => {
  const before = move(order, "before", -100);
  const after = move(order, "after", 100);
  expect(select([before, order, after])).toEqual({ trees: [TRACE], mainCount: 1, nearby: ["after"] });
});

test("a request that starts after the callback stays in the trace of its click", () => {
  expect(
    select([[click, { ...browserPost, startUnixNano: click.startUnixNano + 3_000_000_000n }]]).trees,
  ).toEqual([TRACE]);
});

test("a background request inside the callback is in scope, the click stays the main trace", () => {
  const poll = spanOf({ id: "poll", service: "web", kind: "client", traceId: "poll" });
  expect(select([[poll], order])).toEqual({ trees: [TRACE, "poll"], mainCount: 1, nearby: [] });
});

test("another test's spans are not owned, even inside the same moment", () => {
  const foreign = order.map((span) => ({
    ...span,
    resource: { ...span.resource, "test.case.id": "test-2" },
  }));
  expect(select([foreign]).trees).toEqual([]);
});

test("without browser spans, the server's answer on the wire gives the trace", () => {
  const serverTrace = { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true };
  const wire = [postEntry({ traceparent: undefined, serverTrace })];
  const inside = { ...WINDOW, toOrder: 1 };
  expect(select([serverHalf], wire, inside)).toEqual({ trees: [OTHER_TRACE], mainCount: 1, nearby: [] });
  expect(select([serverHalf], [], inside).trees).toEqual([]);
});

test("the server half of a request that started after the callback stands nearby", () => {
  const serverTrace = { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true };
  const wire = [postEntry({ traceparent: undefined, serverTrace })];
  expect(select([serverHalf, [click, browserPost]], wire)).toEqual({
    trees: [TRACE],
    mainCount: 1,
    nearby: [OTHER_TRACE],
  });
});

test("a document that a server's trace opened belongs to the page load that is inside the callback", () => {
  const server = spanOf({ id: "page", service: "shop", kind: "server", startMs: -20 });
  const load = spanOf({ id: "load", parent: "page", service: "web", name: "documentLoad" });
  expect(select([[server, load]]).trees).toEqual([TRACE]);
});

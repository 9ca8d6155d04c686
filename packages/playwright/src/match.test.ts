import { buildTraceTree } from "@throughline/core";
import { expect, test } from "vitest";
import {
  browserPost,
  click,
  handler,
  order,
  outbound,
  serverPost,
  spanOf,
  stock,
} from "../test-data/order-trace.ts";
import { matchBest, matchPath } from "./match.ts";
import { span } from "./patterns.ts";

const path = [
  span.click("Buy"),
  span.client("POST", "/api/orders"),
  span.server("POST", "/api/orders"),
  span.client("GET", "/stock"),
  span.server("GET", "/stock"),
];

test("a path runs through every process, whatever order the spans came in", () => {
  const match = matchPath(path, buildTraceTree([...order].reverse()));
  expect(match.matched).toBe(true);
  expect(match.nodes.map((node) => node.span.spanId)).toEqual(
    [click, browserPost, serverPost, outbound, stock].map((item) => item.spanId),
  );
});

test("inside a process, spans between two steps may be left out", () => {
  expect(matchPath([span.server("POST"), span.db("INSERT", "orders")], buildTraceTree(order)).matched).toBe(
    true,
  );
});

test("between processes, no span of the caller may be left out", () => {
  const match = matchPath([span.click("Buy"), span.server("POST")], buildTraceTree(order));
  expect(match.matched).toBe(false);
  expect(match.strays.map((node) => node.span)).toEqual([serverPost]);
});

test("a process cannot be skipped, not even back to where the path began", () => {
  const back = spanOf({
    id: "back",
    parent: stock.spanId,
    service: "shop",
    kind: "server",
    name: "callback",
  });
  const inner = spanOf({ id: "inner", parent: "back", service: "shop", name: "work" });
  const tree = buildTraceTree([...order, back, inner]);
  expect(matchPath([span.named("executing api route"), span.named("work")], tree).matched).toBe(false);
  expect(matchPath([span.named("callback"), span.named("work")], tree).matched).toBe(true);
});

test("a proxy span of the receiving process belongs to the hop", () => {
  const proxy = spanOf({ id: "proxy", parent: browserPost.spanId, service: "shop", name: "next.proxy" });
  const tree = buildTraceTree([click, browserPost, proxy, { ...serverPost, parentSpanId: "proxy" }]);
  expect(matchPath(path.slice(0, 3), tree).matched).toBe(true);
});

test("two processes of one name still need the direct edge", () => {
  const near = spanOf({ id: "near", parent: "call", service: "shop", kind: "server", name: "near" });
  const call = spanOf({ id: "call", service: "shop", kind: "client", name: "call" });
  const far = spanOf({ id: "far", parent: "between", service: "shop", kind: "server", name: "far" });
  const between = spanOf({ id: "between", parent: "call", service: "shop", name: "between" });
  const tree = buildTraceTree([call, near, between, far]);
  expect(matchPath([span.named("call"), span.named("near")], tree).matched).toBe(true);
  expect(matchPath([span.named("call"), span.named("far")], tree).matched).toBe(false);
});

test("a missing parent breaks the path where it is missing", () => {
  const match = matchPath(path, buildTraceTree(order.filter((item) => item !== handler)));
  expect(match.nodes.length).toBe(3);
  expect(match.strays.map((node) => node.span)).toEqual([outbound]);
});

test("siblings do not make a path", () => {
  expect(matchPath([span.client("GET", "/stock"), span.db("INSERT")], buildTraceTree(order)).matched).toBe(
    false,
  );
});

test("a path backtracks to the branch that goes on", () => {
  const retry = { ...browserPost, spanId: "retry" };
  const tree = buildTraceTree([click, retry, browserPost, serverPost]);
  expect(matchPath(path.slice(0, 3), tree).nodes[1]?.span).toEqual(browserPost);
});

test("of several traces the one that got furthest is kept", () => {
  const other = buildTraceTree([{ ...click, traceId: "other" }]);
  expect(matchBest(path, [other, buildTraceTree([click, browserPost])])?.nodes.length).toBe(2);
  expect(matchBest(path, [other, buildTraceTree(order)])?.matched).toBe(true);
  expect(matchBest(path, [])).toBeUndefined();
});

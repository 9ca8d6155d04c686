import { buildTraceTree, type SpanRecord, spanToJson, type TraceDocument } from "@throughline/core";
import { expect, test } from "vitest";
import { spanRecord } from "../../../test/span-record.ts";
import { afterKey, choose, nextError, nextMatch, nextProblem, toggleAll } from "./trace-keys.ts";
import { createSceneMaker } from "./trace-scene.ts";
import { parseTraceState, type TraceState } from "./trace-state.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

interface Given extends Partial<SpanRecord> {
  readonly spanId: string;
}

/** A document as the collector answers it: rows from the real tree. */
function documentOf(...given: readonly Given[]): TraceDocument {
  const spans = given.map(
    (span, at): SpanRecord =>
      spanRecord({
        traceId: TRACE,
        name: span.spanId,
        startUnixNano: BigInt(at) * 1_000_000n,
        endUnixNano: 100_000_000n,
        flags: 1,
        ...span,
      }),
  );
  const rows = buildTraceTree(spans).nodes.map(({ span, depth, orphan, children }) => ({
    spanId: span.spanId,
    depth,
    label: span.name,
    service: "shop",
    kind: span.kind,
    offsetMs: Number(span.startUnixNano) / 1e6,
    durationMs: Number(span.endUnixNano - span.startUnixNano) / 1e6,
    error: span.status.code === "error",
    orphan,
    childCount: children.length,
  }));
  const summary = {
    traceId: TRACE,
    name: "a",
    rootService: "shop",
    services: ["shop"],
    startUnixMs: 0,
    durationMs: 100,
    spanCount: rows.length,
    errorCount: 0,
    problemCount: 0,
  };
  return { summary, rows, spans: spans.map(spanToJson), findings: [], linkedFrom: [], logs: [] };
}

const tree = documentOf(
  { spanId: "a" },
  { spanId: "b", parentSpanId: "a", attributes: { "next.span_type": "AppRender.getBodyResult" } },
  {
    spanId: "c",
    parentSpanId: "b",
    status: { code: "error" },
    attributes: { "db.system.name": "postgresql" },
  },
  { spanId: "d", parentSpanId: "a", attributes: { "db.system.name": "mysql" } },
);
const sceneOf = createSceneMaker(tree);
const at = (search: string): TraceState => parseTraceState(new URLSearchParams(search));
const press = (key: string, state: TraceState): TraceState | undefined =>
  afterKey(key, sceneOf(state), state);

test.each([
  ["j", "span=a", "b"],
  ["ArrowUp", "span=a", "a"],
  ["k", "span=d", "c"],
  ["End", "", "d"],
  ["Home", "span=c", "a"],
  ["ArrowDown", "", "a"],
  ["ArrowRight", "span=a", "b"],
  ["ArrowLeft", "span=c", "b"],
  ["e", "span=d", "c"],
])("%s at ?%s goes to %s", (key, search, spanId) => {
  expect(press(key, at(search))?.spanId).toBe(spanId);
});

test("left collapses an open row, right opens it again", () => {
  const closed = press("ArrowLeft", at("span=b"));
  expect(closed?.collapsed).toEqual(new Set(["b"]));
  expect(closed && press("ArrowRight", closed)?.collapsed).toEqual(new Set());
});

test("Enter opens the details, Escape closes details, search and zoom in this order", () => {
  const open = at("span=b&q=x&from=1&to=9");
  expect(press("Enter", { ...open, detailOpen: false })?.detailOpen).toBe(true);
  const first = press("Escape", open);
  const second = first && press("Escape", first);
  const third = second && press("Escape", second);
  expect([first?.detailOpen, second?.query, third?.zoom]).toEqual([false, "", undefined]);
  expect(third && press("Escape", third)).toBeUndefined();
});

test("z zooms to the chosen span, and out again; a span of no length has a range too", () => {
  const zoomed = press("z", at("span=c"));
  expect(zoomed?.zoom).toEqual({ fromMs: 2, toMs: 100 });
  expect(zoomed && press("z", zoomed)).toMatchObject({ spanId: "c", zoom: undefined });
  expect(press("z", at("span=c&from=1&to=9"))?.zoom).toEqual({ fromMs: 2, toMs: 100 });
  expect(press("z", at(""))).toBeUndefined();
  const instant = createSceneMaker(documentOf({ spanId: "a", endUnixNano: 0n }))(at("span=a"));
  const { fromMs = 0, toMs = 0 } = afterKey("z", instant, at("span=a"))?.zoom ?? {};
  expect(toMs).toBeGreaterThan(fromMs);
});

test("a span that began after the axis is no range of it", () => {
  const late = documentOf({ spanId: "a" }, { spanId: "b" });
  const scene = createSceneMaker({ ...late, summary: { ...late.summary, workMs: 0.5 } })(at("span=b"));
  expect(afterKey("z", scene, at("span=b"))).toBeUndefined();
});

test("a key without a meaning is left to the page", () => {
  expect(press("x", at("span=a"))).toBeUndefined();
  expect(press("ArrowRight", at("span=d"))).toBeUndefined();
});

test("the next match is found behind collapsed rows and opens them", () => {
  const state = { ...at("span=a&q=postgresql"), collapsed: new Set(["a", "b"]) };
  expect(nextMatch(sceneOf(state), state, 1)).toMatchObject({ spanId: "c", collapsed: new Set() });
});

test("the chips of the header go round all spans in error, and all that a finding names", () => {
  const finding = { code: "TL-P01", message: "", cause: "", fix: "" } as const;
  const findings = [
    { ...finding, severity: "info", spanIds: ["a"] },
    { ...finding, severity: "error", spanIds: ["d", "b"] },
  ] as const;
  const scene = createSceneMaker({ ...tree, findings })(at("span=b"));
  expect(nextError(scene, at("span=c"))?.spanId).toBe("c");
  expect(nextError(scene, at("span=d"))?.spanId).toBe("c");
  expect(nextProblem(scene, at("span=b"))?.spanId).toBe("d");
  expect(nextProblem(scene, at("span=d"))?.spanId).toBe("b");
});

test("matches go around in both directions", () => {
  const state = at("span=d&q=db.system");
  expect(nextMatch(sceneOf(state), state, 1)?.spanId).toBe("c");
  const first = at("span=c&q=db.system");
  expect(nextMatch(sceneOf(first), first, -1)?.spanId).toBe("d");
});

test("key=value looks into that attribute only", () => {
  expect(sceneOf(at("q=db.system.name=mysql")).matches).toEqual(["d"]);
  expect(sceneOf(at("q=system.name=mysql")).matches).toEqual([]);
  expect(sceneOf(at("")).matches).toBeUndefined();
});

test("hiding framework spans keeps their children and shows them again when one is chosen", () => {
  const state = at("span=a&framework=hidden");
  const scene = sceneOf(state);
  expect(scene.visible.map(({ row, depth }) => row.spanId + depth)).toEqual(["a0", "c1", "d1"]);
  expect(choose(scene, state, "b").hideFramework).toBe(false);
});

test("collapse all keeps the first level, expand all shows everything", () => {
  const state = at("");
  const closed = toggleAll(sceneOf(state), state);
  expect(sceneOf(closed).visible.map(({ row }) => row.spanId)).toEqual(["a", "b", "d"]);
  expect(toggleAll(sceneOf(closed), closed).collapsed.size).toBe(0);
});

test("moving the cursor does not compute the rows again", () => {
  const state = at("span=a");
  expect(sceneOf({ ...state, spanId: "d" }).visible).toBe(sceneOf(state).visible);
});

import {
  buildTraceTree,
  type SpanRecord,
  spanFromJson,
  type TraceDocument,
  type TraceTree,
} from "@throughline/core";
import { INTERACTION_TYPE, TEST_CASE_ID } from "@throughline/core/attributes";
import type { WireEntry } from "./wire.ts";

/** When and where on the wire a callback ran. */
export interface ScopeWindow {
  /** Milliseconds since the Unix epoch, by the page's clock. */
  readonly startUnixMs: number;
  readonly endUnixMs: number;
  /** Order of the first request inside, and of the first one after. */
  readonly fromOrder: number;
  readonly toOrder: number;
}

export interface Scope {
  readonly trees: readonly TraceTree[];
  readonly mainCount: number;
  readonly nearby: readonly TraceTree[];
}

/** Sorts a test's traces into those that the callback caused and those that merely stand beside them. */
export function selectScope(
  testId: string,
  documents: readonly TraceDocument[],
  wire: readonly WireEntry[],
  window: ScopeWindow,
): Scope {
  const trees = documents.map(treeOf).sort(byStart);
  const inside = wire.filter((entry) => entry.order >= window.fromOrder && entry.order < window.toOrder);
  const asked = new Set(inside.flatMap(traceIdsOf));
  const own = trees.filter((tree) => entrySpans(tree, testId).some((span) => isInside(span, window)));
  const clicked = own.filter((tree) =>
    entrySpans(tree, testId).some((span) => INTERACTION_TYPE in span.attributes && isInside(span, window)),
  );
  const carried = trees.filter((tree) => !own.includes(tree) && asked.has(tree.traceId));
  const main = [clicked, own, carried].find((group) => group.length > 0) ?? [];
  const rest = [...own, ...carried].filter((tree) => !main.includes(tree));
  const answered = new Set(wire.flatMap((entry) => entry.serverTrace?.traceId ?? []));
  const beside = trees
    .filter((tree) => !main.includes(tree) && !rest.includes(tree))
    .filter((tree) => answered.has(tree.traceId) || startsAfter(tree, window))
    .sort((a, b) => Number(answered.has(b.traceId)) - Number(answered.has(a.traceId)));
  return { trees: [...main, ...rest], mainCount: main.length, nearby: beside };
}

/** Every trace id that a request names: the one it carried and the one its server answered with. */
export function traceIdsOf(entry: WireEntry): readonly string[] {
  return [entry.traceparent, entry.serverTrace].flatMap((context) => context?.traceId ?? []);
}

export function treeOf(document: TraceDocument): TraceTree {
  return buildTraceTree(document.spans.map(spanFromJson));
}

// Where the browser enters a trace: its root, or its first span below a server's (document load). A span whose
// parent is still on the way counts as well, by its own start.
function entrySpans(tree: TraceTree, testId: string): readonly SpanRecord[] {
  return tree.nodes
    .filter(({ span, parent }) => isOwn(span, testId) && !(parent && isOwn(parent.span, testId)))
    .map(({ span }) => span);
}

function isOwn(span: SpanRecord, testId: string): boolean {
  return span.resource[TEST_CASE_ID] === testId;
}

// One millisecond of grace: Date.now() and coarse page timers round.
function isInside(span: SpanRecord, { startUnixMs, endUnixMs }: ScopeWindow): boolean {
  return span.startUnixNano >= toNano(startUnixMs - 1) && span.startUnixNano <= toNano(endUnixMs + 1);
}

function startsAfter(tree: TraceTree, { startUnixMs }: ScopeWindow): boolean {
  return tree.startUnixNano >= toNano(startUnixMs - 1);
}

function toNano(ms: number): bigint {
  return Number.isFinite(ms) ? BigInt(Math.round(ms * 1000)) * 1000n : 2n ** 63n;
}

function byStart(a: TraceTree, b: TraceTree): number {
  if (a.startUnixNano === b.startUnixNano) return a.traceId < b.traceId ? -1 : 1;
  return a.startUnixNano < b.startUnixNano ? -1 : 1;
}

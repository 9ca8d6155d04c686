import { ancestorsOf, isBrowserRequest, serviceOf, type TraceNode, type TraceTree } from "@throughline/core";
import { TEST_CASE_ID } from "@throughline/core/attributes";
import type { SpanPattern } from "./patterns.ts";

/** How far a path got in one trace. */
export interface PathMatch {
  readonly tree: TraceTree;
  readonly matched: boolean;
  /** One node per matched step, the longest prefix that was found. */
  readonly nodes: readonly TraceNode[];
  /** Every node at which a prefix of that length ends. */
  readonly ends: readonly TraceNode[];
  /** Spans that look like the first missing step but stand in the wrong place. */
  readonly strays: readonly TraceNode[];
}

/**
 * Looks for a chain of spans in a trace: inside one process each step is a descendant of the one before,
 * between processes it is the direct child, so that a hop cannot be faked by a common ancestor.
 */
export function matchPath(patterns: readonly SpanPattern[], tree: TraceTree): PathMatch {
  let ends = new Map<TraceNode, readonly TraceNode[]>();
  for (const [index, pattern] of patterns.entries()) {
    const candidates = tree.nodes.filter((node) => pattern.matches(node.span));
    const next = new Map<TraceNode, readonly TraceNode[]>();
    for (const node of candidates) {
      const chain = index === 0 ? [] : chainTo(node, ends);
      if (chain) next.set(node, [...chain, node]);
    }
    if (next.size === 0) return result(tree, ends, candidates, false);
    ends = next;
  }
  return result(tree, ends, [], true);
}

/** The trace in which the path got furthest, the first of equals; `undefined` without traces. */
export function matchBest(
  patterns: readonly SpanPattern[],
  trees: readonly TraceTree[],
): PathMatch | undefined {
  let best: PathMatch | undefined;
  for (const tree of trees) {
    const match = matchPath(patterns, tree);
    if (match.matched) return match;
    if (!best || match.nodes.length > best.nodes.length) best = match;
  }
  return best;
}

/** Whether a span was made in a page: by our fetch instrument, or by any tracer that took the test's id. */
export function isBrowserSpan(node: TraceNode): boolean {
  return isBrowserRequest(node) || typeof node.span.resource[TEST_CASE_ID] === "string";
}

/** Whether another process continued from this span. */
export function hasRemoteChild(node: TraceNode): boolean {
  return node.children.some(
    (child) => child.span.kind === "server" || serviceOf(child.span) !== serviceOf(node.span),
  );
}

function result(
  tree: TraceTree,
  ends: ReadonlyMap<TraceNode, readonly TraceNode[]>,
  strays: readonly TraceNode[],
  matched: boolean,
): PathMatch {
  const [nodes = []] = ends.values();
  return { tree, matched, nodes, ends: [...ends.keys()], strays };
}

function chainTo(
  node: TraceNode,
  ends: ReadonlyMap<TraceNode, readonly TraceNode[]>,
): readonly TraceNode[] | undefined {
  const between: TraceNode[] = [];
  for (const ancestor of ancestorsOf(node)) {
    const chain = ends.get(ancestor);
    if (chain && isStep(ancestor, between, node)) return chain;
    between.push(ancestor);
  }
  return undefined;
}

function isStep(from: TraceNode, between: readonly TraceNode[], to: TraceNode): boolean {
  const home = serviceOf(from.span);
  const away = serviceOf(to.span);
  if (home === away && to.span.kind !== "server") {
    return between.every((node) => serviceOf(node.span) === home && node.span.kind !== "server");
  }
  if (between.length === 0) return true;
  // Next's proxy is an INTERNAL span of the receiving process around the SERVER span: still the same hop.
  return (
    to.span.kind === "server" &&
    between.every((node) => serviceOf(node.span) === away && node.span.kind === "internal") &&
    home !== away
  );
}

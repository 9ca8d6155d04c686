import type { SpanRecord } from "./span-record.ts";

export interface TraceNode {
  readonly span: SpanRecord;
  readonly parent: TraceNode | undefined;
  /** By start time, then span id. */
  readonly children: readonly TraceNode[];
  /** 0 for roots. */
  readonly depth: number;
  /** The span names a parent that is not here. */
  readonly orphan: boolean;
}

export interface TraceTree {
  readonly traceId: string;
  /** True roots, orphans, and one span of each parent cycle. */
  readonly roots: readonly TraceNode[];
  /** Depth first, the order in which a waterfall shows them. */
  readonly nodes: readonly TraceNode[];
  readonly orphans: readonly TraceNode[];
  /** Span ids at which a parent cycle was cut. */
  readonly cycles: readonly string[];
  readonly startUnixNano: bigint;
  readonly endUnixNano: bigint;
}

interface OpenNode extends TraceNode {
  parent: OpenNode | undefined;
  children: OpenNode[];
  depth: number;
  orphan: boolean;
}

/** Spans of one trace, in any order, as a tree; a span whose parent is missing becomes a root and is marked. */
export function buildTraceTree(spans: readonly SpanRecord[]): TraceTree {
  const open = new Map<string, OpenNode>();
  for (const span of spans) {
    open.set(span.spanId, { span, parent: undefined, children: [], depth: 0, orphan: false });
  }
  const ordered = [...open.values()].sort(byStart);
  const roots: OpenNode[] = [];
  for (const node of ordered) {
    const parentId = node.span.parentSpanId;
    const parent = parentId === undefined ? undefined : open.get(parentId);
    if (parent) {
      node.parent = parent;
      parent.children.push(node);
    } else {
      node.orphan = parentId !== undefined;
      roots.push(node);
    }
  }
  const { nodes, cycles } = walk(ordered, roots);
  return {
    traceId: spans[0]?.traceId ?? "",
    roots,
    nodes,
    orphans: nodes.filter((node) => node.orphan),
    cycles,
    startUnixNano: nodes.reduce(
      (least, { span }) => (span.startUnixNano < least ? span.startUnixNano : least),
      firstStart(nodes),
    ),
    endUnixNano: nodes.reduce((most, { span }) => (span.endUnixNano > most ? span.endUnixNano : most), 0n),
  };
}

/** Every ancestor, nearest first. */
export function ancestorsOf(node: TraceNode): readonly TraceNode[] {
  const ancestors: TraceNode[] = [];
  const seen = new Set<TraceNode>([node]);
  for (let at = node.parent; at && !seen.has(at); at = at.parent) {
    seen.add(at);
    ancestors.push(at);
  }
  return ancestors;
}

// Iterative, so that a chain of 100 000 spans does not end in a stack overflow.
function walk(all: readonly OpenNode[], roots: OpenNode[]): { nodes: TraceNode[]; cycles: string[] } {
  const nodes: TraceNode[] = [];
  const cycles: string[] = [];
  const seen = new Set<string>();
  const visit = (root: OpenNode): void => {
    const stack: OpenNode[] = [root];
    for (let node = stack.pop(); node; node = stack.pop()) {
      if (seen.has(node.span.spanId)) continue;
      seen.add(node.span.spanId);
      node.depth = node.parent ? node.parent.depth + 1 : 0;
      nodes.push(node);
      for (const child of [...node.children].reverse()) stack.push(child);
    }
  };
  for (const root of [...roots]) visit(root);
  // What no root reaches hangs in a cycle; cut it at its earliest span.
  for (const node of all) {
    if (seen.has(node.span.spanId)) continue;
    cycles.push(node.span.spanId);
    if (node.parent) node.parent.children = node.parent.children.filter((child) => child !== node);
    node.parent = undefined;
    roots.push(node);
    visit(node);
  }
  return { nodes, cycles };
}

function byStart(a: TraceNode, b: TraceNode): number {
  if (a.span.startUnixNano !== b.span.startUnixNano)
    return a.span.startUnixNano < b.span.startUnixNano ? -1 : 1;
  return a.span.spanId < b.span.spanId ? -1 : 1;
}

function firstStart(nodes: readonly TraceNode[]): bigint {
  return nodes[0]?.span.startUnixNano ?? 0n;
}

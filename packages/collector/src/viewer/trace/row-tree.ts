import type { TraceRow } from "@throughline/core";

/** A row the reader can see. */
export interface VisibleRow {
  readonly row: TraceRow;
  /** Depth on screen: framework rows that are hidden do not count. */
  readonly depth: number;
  readonly expandable: boolean;
  readonly collapsed: boolean;
  /** Rows that collapsing hides. */
  readonly hiddenCount: number;
  /** Bit `n` is set when a later sibling continues the guide line of level `n`. */
  readonly guides: number;
}

/** Deeper levels share the last indentation, and a bit mask holds no more. */
export const DEEPEST_INDENT = 24;

export interface TreeChoice {
  readonly collapsed: ReadonlySet<string>;
  /** Rows left out while their children stay. */
  readonly isSkipped: (row: TraceRow) => boolean;
}

interface OpenRow {
  row: TraceRow;
  depth: number;
  expandable: boolean;
  collapsed: boolean;
  hiddenCount: number;
  guides: number;
}

/** What is left of depth-first rows after collapsing and skipping, with its guide lines. */
export function visibleRows(rows: readonly TraceRow[], choice: TreeChoice): readonly VisibleRow[] {
  const visible: OpenRow[] = [];
  const depthOf = createDepthReader();
  let closed: OpenRow | undefined;
  for (const row of rows) {
    if (closed && row.depth <= closed.row.depth) closed = undefined;
    const skipped = choice.isSkipped(row);
    if (closed) {
      if (!skipped) closed.hiddenCount++;
      continue;
    }
    const depth = depthOf(row, skipped);
    if (skipped) continue;
    const open = { row, depth, expandable: false, collapsed: false, hiddenCount: 0, guides: 0 };
    visible.push(open);
    if (choice.collapsed.has(row.spanId)) closed = open;
  }
  drawGuides(visible);
  return visible;
}

// A skipped row hands its own depth on to its children.
function createDepthReader(): (row: TraceRow, skipped: boolean) => number {
  const childDepth: number[] = [];
  return (row, skipped) => {
    const depth = row.depth === 0 ? 0 : (childDepth[row.depth - 1] ?? 0);
    childDepth[row.depth] = skipped ? depth : depth + 1;
    return depth;
  };
}

/** How many levels are indented, 1 at least. */
export function deepestOf(rows: readonly VisibleRow[]): number {
  return rows.reduce((deepest, { depth }) => Math.max(deepest, Math.min(depth, DEEPEST_INDENT)), 1);
}

/** Index of the nearest row above that is less deep, or -1. */
export function parentIndex(rows: readonly { readonly depth: number }[], index: number): number {
  const depth = rows[index]?.depth ?? 0;
  for (let at = index - 1; at >= 0; at--) {
    if ((rows[at]?.depth ?? 0) < depth) return at;
  }
  return -1;
}

/** Span ids of the row's ancestors, nearest first. */
export function ancestorIds(rows: readonly TraceRow[], spanId: string): readonly string[] {
  const ids: string[] = [];
  const start = rows.findIndex((row) => row.spanId === spanId);
  for (let at = parentIndex(rows, start); at >= 0; at = parentIndex(rows, at)) {
    const row = rows[at];
    if (row) ids.push(row.spanId);
  }
  return ids;
}

// Backwards, because whether a guide line goes on depends on what follows.
function drawGuides(visible: OpenRow[]): void {
  let later = 0;
  let below = -1;
  for (let at = visible.length - 1; at >= 0; at--) {
    const open = visible[at];
    if (!open) continue;
    const level = Math.min(open.depth, DEEPEST_INDENT);
    open.collapsed = open.hiddenCount > 0;
    open.expandable = open.collapsed || below > open.depth;
    const upTo = (1 << (level + 1)) - 1;
    open.guides = later & upTo;
    later = (later & upTo) | (1 << level);
    below = open.depth;
  }
}

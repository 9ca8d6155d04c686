import { serviceOf, spanLabel, statusCodeOf, type TraceNode, type TraceTree } from "@throughline/core";

/** `✓` matched · `✗` the broken end · `~` beside the path. */
export type Mark = "✓" | "✗" | "~" | " ";

export interface WaterfallOptions {
  readonly columns: number;
  readonly markOf: (node: TraceNode) => Mark;
  /** Rows at most; marked rows are always shown. */
  readonly maxRows?: number;
}

const SERVICE_WIDTH = 14;
const KIND_WIDTH = 8;
const WIDE_BAR = 22;
const NARROW_BAR = 12;
const DURATION_WIDTH = 9;
const GAPS = 6;

/** One trace as text, one line a span. */
export function drawWaterfall(tree: TraceTree, options: WaterfallOptions): readonly string[] {
  const { maxRows = 40, columns, markOf } = options;
  const barWidth = columns < 90 ? NARROW_BAR : WIDE_BAR;
  const labelWidth = Math.max(20, columns - SERVICE_WIDTH - KIND_WIDTH - barWidth - DURATION_WIDTH - GAPS);
  const shown = tree.nodes.filter(
    (node, index) => index < maxRows || markOf(node) === "✓" || markOf(node) === "✗",
  );
  const lines = shown.map((node) => {
    const cells = [
      fit(`${branch(node, labelWidth)}${spanLabel(node.span)}${answer(node)}`, labelWidth),
      fit(serviceOf(node.span), SERVICE_WIDTH),
      fit(node.span.kind, KIND_WIDTH),
      bar(tree, node, barWidth),
      duration(node).padStart(DURATION_WIDTH),
    ];
    return `${markOf(node)} ${cells.join(" ")}`.trimEnd();
  });
  const hidden = tree.nodes.length - shown.length;
  return hidden === 0 ? lines : [...lines, `  … ${hidden} more ${hidden === 1 ? "span" : "spans"}`];
}

/** `7c1e…a0`: enough to tell traces apart in one message; the attachment has them whole. */
export function shortId(id: string): string {
  return `${id.slice(0, 4)}…${id.slice(-2)}`;
}

// Deep traces stop being indented where half the label's room is gone.
function branch(node: TraceNode, labelWidth: number): string {
  const depth = Math.min(node.depth, Math.floor(labelWidth / 4));
  return depth === 0 ? "" : `${"  ".repeat(depth - 1)}└─ `;
}

function answer(node: TraceNode): string {
  const status = statusCodeOf(node.span);
  const orphan = node.orphan ? " (parent missing)" : "";
  return `${status === undefined ? "" : ` → ${status}`}${orphan}`;
}

function bar(tree: TraceTree, { span }: TraceNode, barWidth: number): string {
  const whole = Number(tree.endUnixNano - tree.startUnixNano);
  const width = barWidth - 2;
  const at = (nano: bigint): number =>
    whole <= 0 ? 0 : Math.round((Number(nano - tree.startUnixNano) / whole) * width);
  const from = Math.min(at(span.startUnixNano), width - 1);
  const length = Math.max(1, Math.min(at(span.endUnixNano), width) - from);
  return `▕${" ".repeat(from)}${"█".repeat(length)}${" ".repeat(width - from - length)}▏`;
}

function duration({ span }: TraceNode): string {
  const ms = Number(span.endUnixNano - span.startUnixNano) / 1e6;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

function fit(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}…`;
}

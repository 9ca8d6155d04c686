import {
  buildTraceTree,
  clockFinding,
  correctClocks,
  diagnose,
  type Finding,
  methodOf,
  type SpanRecord,
  serviceOf,
  spanLabel,
  spanNote,
  spanToJson,
  statusCodeOf,
  type TraceDocument,
  type TraceNode,
  type TraceRow,
  type TraceSummary,
  type TraceTree,
} from "@throughline/core";
import { TEST_CASE_ID } from "@throughline/core/attributes";
import { byStart, workEndOf } from "./work-end.ts";

/** One line of the trace list, computed from all spans of a trace. */
export function summarizeTrace(spans: readonly SpanRecord[]): TraceSummary {
  const { tree, findings } = readTrace(spans);
  return summarize(tree, findings);
}

/** Everything the viewer shows of one trace. */
export function describeTrace(
  spans: readonly SpanRecord[],
  {
    linkedFrom = [],
    linkTargets = [],
    logs = [],
  }: Partial<Pick<TraceDocument, "linkedFrom" | "linkTargets" | "logs">> = {},
): TraceDocument {
  const { tree, findings } = readTrace(spans);
  const sent = new Map(spans.map((span) => [span.spanId, span]));
  const asSent = (node: TraceNode): SpanRecord => sent.get(node.span.spanId) ?? node.span;
  return {
    summary: summarize(tree, findings),
    rows: tree.nodes.map((node) => row(node, asSent(node), tree.startUnixNano)),
    spans: tree.nodes.map((node) => spanToJson(asSent(node))),
    findings,
    linkedFrom,
    ...(linkTargets.length === 0 ? {} : { linkTargets }),
    logs,
  };
}

/** The one place where clocks are corrected: what is stored stays as it was sent. */
function readTrace(spans: readonly SpanRecord[]): {
  readonly tree: TraceTree;
  readonly findings: readonly Finding[];
} {
  const corrected = correctClocks(spans);
  const tree = buildTraceTree(corrected.spans);
  return { tree, findings: [...diagnose(tree), ...corrected.shifts.map(clockFinding)] };
}

/** The span a trace is named after: the first true root, else the first orphan. */
export function rootOf(tree: TraceTree): TraceNode | undefined {
  return tree.roots.find((node) => !node.orphan) ?? tree.roots[0];
}

function summarize(tree: TraceTree, findings: readonly Finding[]): TraceSummary {
  const root = rootOf(tree);
  const spans = tree.nodes.map((node) => node.span).sort(byStart);
  const workEnd = workEndOf(tree);
  const statusCode = root && statusCodeOf(nearest(root, (span) => statusCodeOf(span) !== undefined));
  const request = root && spanLabel(nearest(root, (span) => methodOf(span) !== undefined));
  const name = root ? spanLabel(root.span) : "";
  const testCaseId = spans.map(testCaseOf).find((id) => id !== undefined);
  return {
    traceId: tree.traceId,
    name,
    ...(request === undefined || request === name ? {} : { request }),
    rootService: root ? serviceOf(root.span) : "unknown_service",
    services: [...new Set(spans.map(serviceOf))],
    startUnixMs: milliseconds(tree.startUnixNano),
    durationMs: lengthMs(tree.startUnixNano, tree.endUnixNano),
    ...(workEnd === tree.endUnixNano ? {} : { workMs: lengthMs(tree.startUnixNano, workEnd) }),
    spanCount: spans.length,
    errorCount: spans.filter((span) => span.status.code === "error").length,
    ...(statusCode === undefined ? {} : { statusCode }),
    problemCount: findings.filter((finding) => finding.severity !== "info").length,
    ...(testCaseId === undefined ? {} : { testCaseId }),
  };
}

function row(node: TraceNode, sent: SpanRecord, startUnixNano: bigint): TraceRow {
  const { span } = node;
  const shift = span.startUnixNano - sent.startUnixNano;
  const statusCode = statusCodeOf(span);
  const note = spanNote(span);
  return {
    spanId: span.spanId,
    depth: node.depth,
    label: spanLabel(span),
    ...(note === undefined ? {} : { note }),
    service: serviceOf(span),
    kind: span.kind,
    offsetMs: milliseconds(span.startUnixNano - startUnixNano),
    durationMs: lengthMs(span.startUnixNano, span.endUnixNano),
    ...(shift === 0n ? {} : { clockShiftMs: milliseconds(shift) }),
    error: span.status.code === "error",
    orphan: node.orphan,
    ...(statusCode === undefined ? {} : { statusCode }),
    childCount: node.children.length,
  };
}

// Breadth first: the HTTP span nearest to the root tells what a click asked for, and how that ended.
function nearest(root: TraceNode, isIt: (span: SpanRecord) => boolean): SpanRecord {
  let level: readonly TraceNode[] = [root];
  while (level.length > 0) {
    const found = level.find(({ span }) => isIt(span));
    if (found) return found.span;
    level = level.flatMap((node) => node.children);
  }
  return root.span;
}

function testCaseOf(span: SpanRecord): string | undefined {
  const id = span.attributes[TEST_CASE_ID] ?? span.resource[TEST_CASE_ID];
  return typeof id === "string" ? id : undefined;
}

/** Nanoseconds as milliseconds; since 1970 they exceed 2^53, microseconds do not, so three digits stay exact. */
export function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n) / 1000;
}

function lengthMs(start: bigint, end: bigint): number {
  return end < start ? 0 : milliseconds(end - start);
}

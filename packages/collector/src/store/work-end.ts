import type { SpanRecord, TraceNode, TraceTree } from "@throughline/core";
import { ENDED_BY, PARENT, WEB_VITAL_NAME } from "@throughline/core/attributes";

/** How a request ends that goes on until the visitor leaves, an event stream say. */
const CUT_BY_LEAVING: ReadonlySet<unknown> = new Set(["hidden", "pagehide"]);

/**
 * When the work of a trace was done. Some spans below a page load only say how long the visitor stayed: CLS is told
 * when the page hides, INP, a long task or an error come minutes after the load, an event stream is cut at the end.
 * What of them begins after the work does not prolong it.
 */
export function workEndOf(tree: TraceTree): bigint {
  const aside = new Map<TraceNode, "sign" | "cut">();
  let end = tree.startUnixNano;
  // Parents come before their children.
  for (const node of tree.nodes) {
    const why = (node.parent && aside.get(node.parent)) ?? whyAside(node);
    if (why) aside.set(node, why);
    else if (node.span.endUnixNano > end) end = node.span.endUnixNano;
  }
  if (end === tree.startUnixNano) return tree.endUnixNano;
  const signs = [...aside].filter(([, why]) => why === "sign").map(([{ span }]) => span);
  for (const span of signs.sort(byStart)) {
    if (span.startUnixNano <= end && span.endUnixNano > end) end = span.endUnixNano;
  }
  return end;
}

function whyAside({ span, parent }: TraceNode): "sign" | "cut" | undefined {
  if (span.parentSpanId === undefined) return undefined;
  if (isSign(span)) return "sign";
  // A click that is cut together with its request has taken that long.
  const endedBy = span.attributes[ENDED_BY];
  // Not a page load that is left: it has taken that long, below the span that served it.
  const isCut = span.kind === "client" && CUT_BY_LEAVING.has(endedBy) && parent !== undefined;
  return isCut && parent.span.attributes[ENDED_BY] !== endedBy ? "cut" : undefined;
}

/** What the browser noticed of a page, at whatever time. */
function isSign({ attributes, kind, name }: SpanRecord): boolean {
  if (attributes[WEB_VITAL_NAME] !== undefined || name === "long task") return true;
  // An error that found no span under way is put below the page.
  return kind === "internal" && attributes[PARENT] === "inferred";
}

/** Earliest start first. */
export function byStart(a: SpanRecord, b: SpanRecord): number {
  if (a.startUnixNano === b.startUnixNano) return 0;
  return a.startUnixNano < b.startUnixNano ? -1 : 1;
}

import type { SpanJson } from "@throughline/core";

/**
 * The whole trace, one line a span, children in the order they began: `  GET /stock · client`, with `ERROR` and
 * `exception` where the span has them. A line with `↯` has a parent that is not there.
 */
export function printTree(spans: readonly SpanJson[], remoteParent?: string): readonly string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const children = new Map<string, SpanJson[]>();
  const roots: SpanJson[] = [];
  for (const span of [...spans].sort(byStart)) {
    const { parentSpanId: parent } = span;
    if (parent === undefined || !byId.has(parent)) roots.push(span);
    else children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const print = (span: SpanJson, depth: number): string[] => [
    `${"  ".repeat(depth)}${labelOf(span)}`,
    ...(children.get(span.spanId) ?? []).flatMap((child) => print(child, depth + 1)),
  ];
  return roots.flatMap((root) => {
    const lost = root.parentSpanId !== remoteParent;
    const [first = "", ...rest] = print(root, 0);
    return [lost ? `↯ ${first}` : first, ...rest];
  });
}

function labelOf({ name, kind, status, events }: SpanJson): string {
  const exceptions = events.filter((event) => event.name === "exception").map(() => "exception");
  return [name, kind, ...(status.code === "error" ? ["ERROR"] : []), ...exceptions].join(" · ");
}

function byStart(a: SpanJson, b: SpanJson): number {
  const difference = BigInt(a.startUnixNano) - BigInt(b.startUnixNano);
  if (difference !== 0n) return difference < 0n ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

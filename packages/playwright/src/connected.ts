import { serviceOf, spanLabel, statusCodeOf, type TraceNode, type TraceTree } from "@throughline/core";
import { URL_FULL } from "@throughline/core/attributes";
import { needsNoServer } from "./hop.ts";
import { hasRemoteChild, isBrowserSpan } from "./match.ts";
import type { WireEntry } from "./wire.ts";

/** One reason why a trace is not one connected whole. */
export interface Gap {
  readonly tree: TraceTree;
  readonly node: TraceNode | undefined;
  readonly message: string;
}

/** Everything that keeps this trace from being connected: roots, orphans, cycles, hops without one of their ends. */
export function findGaps(tree: TraceTree, wire: readonly WireEntry[]): readonly Gap[] {
  const pageOrigins = new Set(wire.flatMap(({ pageOrigin }) => pageOrigin ?? []));
  const lonely = tree.nodes
    .filter(
      (node) => mustHaveServer(node, pageOrigins) && !hasRemoteChild(node) && !needsNoServer(node, wire),
    )
    .map((node) => gap(tree, node, `${spanLabel(node.span)} (${serviceOf(node.span)}) has no SERVER child`));
  const orphans = tree.orphans.map((node) =>
    gap(
      tree,
      node,
      `${spanLabel(node.span)} (${serviceOf(node.span)}) names a parent ${node.span.parentSpanId} that never arrived`,
    ),
  );
  const cycles = tree.cycles.map((spanId) =>
    gap(tree, undefined, `the parents of span ${spanId} form a cycle`),
  );
  const roots = tree.roots.filter((root) => !root.orphan);
  const split =
    roots.length > 1 && cycles.length === 0
      ? [
          gap(
            tree,
            roots[1],
            `${roots.length} roots: ${roots.map((root) => spanLabel(root.span)).join(", ")}`,
          ),
        ]
      : [];
  return [...headless(tree, wire), ...lonely, ...orphans, ...cycles, ...split];
}

// A page's own request begins in the page; a server half alone is what an app leaves that was built without tracing.
function headless(tree: TraceTree, wire: readonly WireEntry[]): readonly Gap[] {
  if (tree.nodes.some(isBrowserSpan)) return [];
  const asked = new Set(
    wire
      .filter(({ resourceType, pageOrigin }) => FROM_SCRIPTS.has(resourceType) && pageOrigin !== undefined)
      .flatMap(({ serverTrace }) => serverTrace?.spanId ?? []),
  );
  return tree.roots
    .filter(({ span }) => asked.has(span.spanId))
    .map((root) =>
      gap(
        tree,
        root,
        `${spanLabel(root.span)} (${serviceOf(root.span)}) answered a request of the page, and no span of the page is above it`,
      ),
    );
}

const FROM_SCRIPTS = new Set(["fetch", "xhr"]);

// A request that got no status has no server half to ask for.
function mustHaveServer(node: TraceNode, pageOrigins: ReadonlySet<string>): boolean {
  if (node.span.kind !== "client" || !isBrowserSpan(node) || statusCodeOf(node.span) === undefined)
    return false;
  const url = String(node.span.attributes[URL_FULL] ?? "");
  return URL.canParse(url) && pageOrigins.has(new URL(url).origin);
}

function gap(tree: TraceTree, node: TraceNode | undefined, message: string): Gap {
  return { tree, node, message };
}

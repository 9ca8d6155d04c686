import { serviceOf, spanLabel, statusCodeOf, type TraceNode, type TraceTree } from "@throughline/core";
import { URL_FULL } from "@throughline/core/attributes";
import type { Evidence } from "./evidence.ts";
import { type HopFinding, needsNoServer } from "./hop.ts";
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
  return [...lonely, ...orphans, ...cycles, ...split];
}

/** A server's half that has no page above it, because its page has no tracer. */
export interface Headless {
  readonly gaps: readonly Gap[];
  /** What proves it. */
  readonly hop: HopFinding | undefined;
}

/**
 * The server halves that an app leaves which was built without tracing. A page with a tracer may make no span of a
 * request: of a worker's, of what `ignoreUrls` names, without consent.
 */
export function findHeadless({ trees, mainCount, nearby, wire, barrier, settled }: Evidence): Headless {
  const isSeen = [...trees, ...nearby].some((tree) => tree.nodes.some(isBrowserSpan));
  if (isSeen || !barrier || barrier.flushedPages > 0) return { gaps: [], hop: undefined };
  const untraced = new Set(barrier.untracedPages.map((url) => new URL(url).origin));
  // A page that was closed cannot tell whether it had a tracer.
  const isClosed = barrier.unflushedPages.length === 0;
  const asked = new Map(
    wire
      .filter((entry) => isFromScript(entry) && !entry.traceparent)
      .filter(({ pageOrigin = "" }) => isClosed || untraced.has(pageOrigin))
      .flatMap((entry) => (entry.serverTrace ? [[entry.serverTrace.spanId, entry] as const] : [])),
  );
  const halves = trees.slice(0, mainCount).flatMap((tree) =>
    tree.roots
      // An orphan is told as one.
      .filter((root) => !root.orphan)
      .flatMap((root) => {
        const entry = asked.get(root.span.spanId);
        return entry ? [{ tree, root, entry }] : [];
      }),
  );
  const proof = halves.find(({ entry }) => entry.state === "finished");
  return {
    gaps: halves.map(({ tree, root }) =>
      gap(
        tree,
        root,
        `${spanLabel(root.span)} (${serviceOf(root.span)}) answered a request of the page, and no span of the page is above it`,
      ),
    ),
    hop: settled && !isClosed && proof ? { ...NO_TRACER, entry: proof.entry } : undefined,
  };
}

function isFromScript({ resourceType, pageOrigin }: WireEntry): boolean {
  return (resourceType === "fetch" || resourceType === "xhr") && pageOrigin !== undefined;
}

const NO_TRACER = {
  code: undefined,
  message: "the page has no tracer",
  proven: true,
  cause: "the app was built without tracing, or this page loads another build",
  fix: "OTEL_ENABLED=true at next build and withTracing in next.config, which put the tracer into the page",
} as const;

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

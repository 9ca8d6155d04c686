import { PARENT, PROPAGATION, URL_FULL } from "./attributes.ts";
import { whyNoServer } from "./no-server.ts";
import { spanLabel } from "./span-label.ts";
import { serviceOf } from "./span-record.ts";
import type { TraceNode, TraceTree } from "./trace-tree.ts";

/** One thing that is wrong with a trace, where, why, and what to do about it. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: "error" | "warning" | "info";
  readonly spanIds: readonly string[];
  readonly message: string;
  readonly cause: string;
  readonly fix: string;
}

/**
 * TL-P01 parent never arrived · TL-P02 request left without `traceparent` · TL-P03 header sent, no SERVER span
 * joined · TL-P10 parent cycle · TL-P12 parent inferred · TL-P14 the sender dropped data · TL-P20 a clock was off.
 */
export type FindingCode = "TL-P01" | "TL-P02" | "TL-P03" | "TL-P10" | "TL-P12" | "TL-P14" | "TL-P20";

/** Looks at one trace and says what is broken; an empty list means connected and complete as far as spans can tell. */
export function diagnose(tree: TraceTree): readonly Finding[] {
  return [
    ...tree.orphans.map(orphan),
    ...tree.cycles.map(cycle),
    ...tree.nodes.flatMap((node) => [...brokenHop(node), ...inferredParent(node), ...dropped(node)]),
  ];
}

/** Whether this CLIENT span was made in a browser page, which is known by the attribute our fetch instrument writes. */
export function isBrowserRequest(node: TraceNode): boolean {
  return node.span.kind === "client" && typeof node.span.attributes[PROPAGATION] === "string";
}

/** `browser → server`, `server → server`: the hop that starts at this CLIENT span. */
export function hopName(node: TraceNode): string {
  return isBrowserRequest(node) ? "browser → server" : "server → server";
}

function orphan(node: TraceNode): Finding {
  const label = spanLabel(node.span);
  const entry = node.span.kind === "server";
  return {
    code: "TL-P01",
    severity: "warning",
    spanIds: [node.span.spanId],
    message: `${label} (${serviceOf(node.span)}) names a parent ${node.span.parentSpanId} that never arrived`,
    cause: entry
      ? "the caller sent a traceparent but did not export its own span (not sampled, not flushed, or no exporter)"
      : "the parent span has not ended yet, or its process stopped before it was flushed",
    fix: entry
      ? "check that the caller exports to this collector and flushes before it exits"
      : "end every span, and flush on shutdown",
  };
}

function cycle(spanId: string): Finding {
  return {
    code: "TL-P10",
    severity: "error",
    spanIds: [spanId],
    message: `the parents of span ${spanId} form a cycle`,
    cause: "a producer reused span ids or wrote a span as its own ancestor",
    fix: "check the code that sets span ids or parents by hand",
  };
}

function brokenHop(node: TraceNode): readonly Finding[] {
  if (!isBrowserRequest(node) || node.children.some((child) => joins(node, child))) return [];
  const known = whyNoServer(node.span);
  if (known?.reason === "noise") return [];
  const propagation = node.span.attributes[PROPAGATION];
  const label = spanLabel(node.span);
  const url = node.span.attributes[URL_FULL];
  if (propagation === "sent" || propagation === "caller") {
    return [
      {
        code: "TL-P03",
        severity: known ? "info" : "warning",
        spanIds: [node.span.spanId],
        message: `browser → server: ${label} sent traceparent, but no SERVER span joined the trace`,
        cause:
          known?.cause ??
          "the server is not traced, leaves this request out (ignoreIncoming), does not export to this collector, or a proxy removed the header",
        fix:
          known?.fix ??
          "set OTEL_ENABLED=true on the server, export register from instrumentation.ts, and look for a proxy that strips traceparent; what the server leaves out on purpose, leave out in the browser too (ignoreUrls)",
      },
    ];
  }
  return [
    {
      code: "TL-P02",
      spanIds: [node.span.spanId],
      message: `browser → server: ${label} left the browser without traceparent`,
      ...withoutHeader(String(propagation), String(url)),
    },
  ];
}

function withoutHeader(propagation: string, url: string): Pick<Finding, "severity" | "cause" | "fix"> {
  if (propagation === "origin") {
    return {
      severity: "info",
      cause: `${url} is neither the page's origin nor on the propagateTo list`,
      fix: "add the exact origin to propagateTo if that server is yours and allows the header in CORS",
    };
  }
  if (propagation === "consent") {
    return {
      severity: "info",
      cause: "the visitor had not consented yet when it was sent",
      fix: "nothing: from setConsent on, requests carry the header",
    };
  }
  return {
    severity: "warning",
    cause: "propagation is switched off in startWebTracing",
    fix: 'leave out propagation: "off"',
  };
}

// Behind a proxy.ts the first span of the server is INTERNAL, so the service tells, not only the kind.
function joins(request: TraceNode, child: TraceNode): boolean {
  return child.span.kind === "server" || serviceOf(child.span) !== serviceOf(request.span);
}

function inferredParent(node: TraceNode): readonly Finding[] {
  if (node.span.attributes[PARENT] !== "inferred" || cannotBeKnown(node)) return [];
  return [
    {
      code: "TL-P12",
      severity: "info",
      spanIds: [node.span.spanId],
      message: `the parent of ${spanLabel(node.span)} was inferred from the open interaction`,
      cause: "the page's code lost the context, usually in a native async function of a package",
      fix: "add the package to transpilePackages, or wrap the work in withSpan",
    },
  ];
}

/** Errors come after their context is gone (docs/browser/errors.md), and what Next.js asks for itself nobody can mend. */
function cannotBeKnown(node: TraceNode): boolean {
  const { name } = node.span;
  if (name === "uncaught error" || name === "caught error") return true;
  return isBrowserRequest(node) && whyNoServer(node.span)?.reason === "noise";
}

function dropped(node: TraceNode): readonly Finding[] {
  if (node.span.droppedCount === 0) return [];
  return [
    {
      code: "TL-P14",
      severity: "info",
      spanIds: [node.span.spanId],
      message: `${spanLabel(node.span)}: the sender dropped ${node.span.droppedCount} attributes, events or links`,
      cause: "a span limit of the SDK was reached",
      fix: "raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, OTEL_SPAN_EVENT_COUNT_LIMIT or OTEL_SPAN_LINK_COUNT_LIMIT",
    },
  ];
}

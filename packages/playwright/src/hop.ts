import {
  diagnose,
  methodOf,
  serviceOf,
  type TraceNode,
  type TraceTree,
  whyNoServer,
} from "@throughline/core";
import { PROPAGATION, URL_FULL } from "@throughline/core/attributes";
import type { SettleReport } from "./evidence.ts";
import { hasRemoteChild, isBrowserSpan } from "./match.ts";
import type { WireEntry } from "./wire.ts";

/** Why no server continued from a browser's CLIENT span. */
export interface HopFinding {
  /** TL-P02: the request carried no `traceparent` · TL-P03: it did, and the server did not join. */
  readonly code: "TL-P02" | "TL-P03" | undefined;
  readonly message: string;
  /** The wire proves it: waiting longer cannot mend it. */
  readonly proven: boolean;
  readonly entry: WireEntry | undefined;
  readonly cause: string;
  readonly fix: string;
}

type Explained = Pick<HopFinding, "cause" | "fix">;

/**
 * Compares a browser CLIENT span that has no remote child with what went over the wire;
 * `undefined` where there is no such hop.
 */
export function judgeHop(
  node: TraceNode,
  tree: TraceTree,
  wire: readonly WireEntry[],
  settled: SettleReport | undefined,
): HopFinding | undefined {
  if (node.span.kind !== "client" || !isBrowserSpan(node) || hasRemoteChild(node)) return undefined;
  const entry = entryOf(node, wire);
  if (!entry || entry.state === "open") return unseen(node, tree, entry);
  if (entry.isCopy) return copied(entry);
  if (!entry.traceparent) {
    return {
      code: "TL-P02",
      message: "the request left the browser without traceparent",
      // A request that got no answer may have lost its headers with its page.
      proven: settled !== undefined && entry.state === "finished",
      entry,
      ...withoutHeader(node, tree),
    };
  }
  return withHeader(entry, node, settled);
}

/**
 * Whether a browser's request may stand without a server below it: a cache answered, or it is one of those that the
 * server leaves out and no server has named a trace in its answer.
 */
export function needsNoServer(node: TraceNode, wire: readonly WireEntry[]): boolean {
  const entry = entryOf(node, wire);
  return entry?.isCopy || (entry?.serverTrace === undefined && whyNoServer(node.span) !== undefined);
}

/** The request that this CLIENT span describes. */
export function entryOf(node: TraceNode, wire: readonly WireEntry[]): WireEntry | undefined {
  const exact = wire.find((entry) => entry.traceparent?.spanId === node.span.spanId);
  if (exact) return exact;
  const url = String(node.span.attributes[URL_FULL] ?? "");
  const startUnixMs = Number(node.span.startUnixNano / 1_000_000n);
  return wire
    .filter(
      (entry) =>
        entry.traceparent === undefined && entry.method === methodOf(node.span) && samePlace(entry.url, url),
    )
    .sort((a, b) => Math.abs(a.startUnixMs - startUnixMs) - Math.abs(b.startUnixMs - startUnixMs))[0];
}

function copied(entry: WireEntry): HopFinding {
  return {
    code: undefined,
    message: "the answer is the copy of an earlier one, and the server was not asked",
    // A cache may renew a stale copy behind the answer, with the header: https://www.rfc-editor.org/rfc/rfc5861
    proven: false,
    entry,
    cause: "the browser's cache, a service worker or a cache on the way kept the response",
    fix: 'where each request must reach the server, answer with Cache-Control: no-store or ask with cache: "no-store"',
  };
}

function withHeader(entry: WireEntry, node: TraceNode, settled: SettleReport | undefined): HopFinding {
  const joined = entry.serverTrace?.traceId === node.span.traceId;
  if (joined && entry.serverTrace?.sampled === false) {
    return {
      code: undefined,
      message: "the server joined the trace but did not record it (sampled flag 00)",
      proven: settled !== undefined,
      entry,
      cause: "the server's sampler refused this trace",
      fix: "set OTEL_TRACES_SAMPLER_ARG=1 for the server under test",
    };
  }
  if (joined) {
    return {
      code: undefined,
      message: "the server joined the trace, but its span has not arrived",
      proven: false,
      entry,
      cause: "the server has not exported the span yet, or exports to another collector",
      fix: "set THROUGHLINE_FLUSH_TOKEN for the server and for the tests, and compare OTEL_EXPORTER_OTLP_ENDPOINT of both",
    };
  }
  return {
    code: "TL-P03",
    message: entry.serverTrace
      ? "traceparent was sent, the server ignored it and started another trace"
      : "traceparent was sent, but no SERVER span joined the trace",
    // Who answers without Server-Timing is another server than the one that was flushed, and may export later.
    proven: settled !== undefined && entry.serverTrace !== undefined,
    entry,
    ...(entry.serverTrace ? IGNORED : (whyNoServer(node.span) ?? silent(entry, settled))),
  };
}

const IGNORED: Explained = {
  cause: "a proxy removed the header, or the server does not read W3C trace context",
  fix: "look for a proxy that strips traceparent, and for OTEL_PROPAGATORS without tracecontext",
};

// A request that the server's share leaves out is answered without Server-Timing, as by a server without tracing.
function silent({ url, pageOrigin }: WireEntry, settled: SettleReport | undefined): Explained {
  const isFlushed = settled?.server === "flushed" && URL.canParse(url) && new URL(url).origin === pageOrigin;
  return isFlushed
    ? {
        cause:
          "the server is traced, so it dropped this request: it keeps a share (10 % in production) or leaves the request out (ignoreIncoming); or a proxy, a cache or a route() of the test answered",
        fix: "start the server with OTEL_TRACES_SAMPLER_ARG=1, as it was built",
      }
    : {
        cause:
          "the server is not traced, keeps a share (10 % in production), leaves this request out (ignoreIncoming), does not export to this collector, or a proxy, a cache or a route() of the test answered",
        fix: "set OTEL_ENABLED=true and OTEL_TRACES_SAMPLER_ARG=1 on the server, export register from instrumentation.ts, and compare OTEL_EXPORTER_OTLP_ENDPOINT",
      };
}

function unseen(node: TraceNode, tree: TraceTree, entry: WireEntry | undefined): HopFinding {
  const finding = findingOf(node, tree);
  return {
    code: finding?.code === "TL-P02" || finding?.code === "TL-P03" ? finding.code : undefined,
    message: entry ? "the request has not been answered yet" : "the request was not seen on the wire",
    proven: false,
    entry,
    cause: finding?.cause ?? "the request failed before it left the page, or another context made it",
    fix: finding?.fix ?? "look at the page's console",
  };
}

function withoutHeader(node: TraceNode, tree: TraceTree): Explained {
  const propagation = node.span.attributes[PROPAGATION];
  if (propagation === "sent" || propagation === "caller") {
    return {
      cause: `${serviceOf(node.span)} says it wrote the header, so something between it and the wire took it off`,
      fix: "look for a service worker or a route() of the test that rewrites headers",
    };
  }
  const finding = findingOf(node, tree);
  return {
    cause: finding?.cause ?? "the page's tracer did not write the header for this URL",
    fix: finding?.fix ?? "add the origin to the tracer's propagation list",
  };
}

function findingOf(node: TraceNode, tree: TraceTree): (Explained & { readonly code: string }) | undefined {
  return diagnose(tree).find(({ code, spanIds }) => code !== "TL-P12" && spanIds.includes(node.span.spanId));
}

// Stored URLs have their query values redacted, so only the place can be compared.
function samePlace(wireUrl: string, spanUrl: string): boolean {
  if (!URL.canParse(wireUrl) || !URL.canParse(spanUrl)) return false;
  const [a, b] = [new URL(wireUrl), new URL(spanUrl)];
  return a.origin === b.origin && a.pathname === b.pathname;
}

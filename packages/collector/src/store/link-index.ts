import { type IncomingLink, type SpanRecord, serviceOf, spanLabel } from "@throughline/core";
import { milliseconds } from "./summarize.ts";

/** Which spans have links to a trace. A span knows where its links lead, nobody knows what leads to it. */
export interface LinkIndex {
  add(span: SpanRecord): void;
  /** In order of arrival. */
  to(traceId: string): readonly IncomingLink[];
  /** Forgets the links of the spans of these traces. */
  forget(traceIds: readonly string[]): void;
  clear(): void;
}

export function createLinkIndex(): LinkIndex {
  // By the trace that is linked to; inside by the trace that links, so that an evicted trace is found at once.
  const incoming = new Map<string, Map<string, Map<string, IncomingLink>>>();
  const targets = new Map<string, Set<string>>();

  const add = (span: SpanRecord): void => {
    for (const { traceId: target, spanId: toSpanId } of span.links) {
      if (target === span.traceId) continue;
      const bySource = incoming.get(target) ?? new Map<string, Map<string, IncomingLink>>();
      const links = bySource.get(span.traceId) ?? new Map<string, IncomingLink>();
      // By both ends: a span that is sent again has its link once.
      links.set(`${span.spanId} ${toSpanId}`, { ...describe(span), toSpanId });
      incoming.set(target, bySource.set(span.traceId, links));
      targets.set(span.traceId, (targets.get(span.traceId) ?? new Set()).add(target));
    }
  };
  const forget = (traceId: string): void => {
    for (const target of targets.get(traceId) ?? []) {
      const bySource = incoming.get(target);
      bySource?.delete(traceId);
      if (bySource?.size === 0) incoming.delete(target);
    }
    targets.delete(traceId);
  };

  return {
    add,
    to: (traceId) => [...(incoming.get(traceId)?.values() ?? [])].flatMap((links) => [...links.values()]),
    forget: (traceIds) => traceIds.forEach(forget),
    clear() {
      incoming.clear();
      targets.clear();
    },
  };
}

function describe(span: SpanRecord): Omit<IncomingLink, "toSpanId"> {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    label: spanLabel(span),
    service: serviceOf(span),
    startUnixMs: milliseconds(span.startUnixNano),
  };
}

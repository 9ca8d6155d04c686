import { type LinkTarget, type SpanRecord, serviceOf, spanLabel } from "@throughline/core";

/** To name a span its whole trace is read. */
const MAX_TRACES = 20;

/** The spans that these spans have links to, of the first few traces; what is not stored is left out. */
export function linkTargetsOf(
  spans: readonly SpanRecord[],
  getTrace: (traceId: string) => readonly SpanRecord[],
): readonly LinkTarget[] {
  const wanted = new Map<string, Set<string>>();
  for (const { traceId, spanId } of spans.flatMap((span) => span.links)) {
    if (!wanted.has(traceId) && wanted.size >= MAX_TRACES) continue;
    wanted.set(traceId, (wanted.get(traceId) ?? new Set()).add(spanId));
  }
  return [...wanted].flatMap(([traceId, spanIds]) =>
    getTrace(traceId)
      .filter(({ spanId }) => spanIds.has(spanId))
      .map((span) => ({ traceId, spanId: span.spanId, label: spanLabel(span), service: serviceOf(span) })),
  );
}

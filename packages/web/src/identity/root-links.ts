import { type Context, type Span, type SpanContext, trace } from "@opentelemetry/api";

/**
 * Links each root of the page to the root before it, so that a visit can be read in order. One that has nothing below
 * it is passed over: a click that starts nothing is never sent.
 */
export function createRootLinks(): (span: Span, parentContext: Context) => void {
  let latest: SpanContext | undefined;
  let before: SpanContext | undefined;
  return (span, parentContext) => {
    const parent = trace.getSpanContext(parentContext);
    if (!parent || parent.isRemote) {
      if (before) span.addLink({ context: before });
      latest = span.spanContext();
    } else if (parent.traceId === latest?.traceId) before = latest;
  };
}

import { type SpanContext, SpanKind } from "@opentelemetry/api";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NEXT_SPAN_TYPE, OLD_HTTP_METHOD, OLD_HTTP_TARGET } from "@throughline/core/attributes";
import { callerLinks } from "../outbound/caller-trust.ts";
import { viewOf } from "../pipeline/span-view.ts";
import { createRequestTrace, type RequestTrace } from "./request-trace.ts";
import type { ResponseRecord, ResponseRecords } from "./response-record.ts";
import { serverSpan } from "./server-span.ts";
import { stableAttributes } from "./stable-attributes.ts";

/** Makes Next.js's spans what the conventions ask for, a request at a time: see `createRequestTrace`. */
export function nextSpans(
  next: SpanProcessor,
  records: Pick<ResponseRecords, "current" | "adopt" | "setSpan">,
): SpanProcessor {
  const traces = new WeakMap<ResponseRecord, RequestTrace>();
  // By the span's context, which a view of the span has too.
  const owners = new WeakMap<SpanContext, RequestTrace>();
  const running = new Set<RequestTrace>();
  const send = (span: ReadableSpan): void => next.onEnd(span);

  const traceOf = (record: ResponseRecord): RequestTrace => {
    const known = traces.get(record);
    if (known) return known;
    const created = createRequestTrace({
      record,
      send,
      onServer: records.setSpan,
      onOver: () => running.delete(created),
    });
    traces.set(record, created);
    running.add(created);
    return created;
  };

  return {
    onStart(span: Span, context): void {
      next.onStart(span, context);
      if (isRequest(span) && !span.parentSpanContext) span.addLinks(callerLinks(context));
      const record = records.current() ?? adopted(span, records);
      if (!record) return;
      const trace = traceOf(record);
      owners.set(span.spanContext(), trace);
      trace.opened(span);
    },
    onEnd(span: ReadableSpan): void {
      const trace = owners.get(span.spanContext());
      if (trace) trace.ended(span);
      else send(withoutRecord(span));
    },
    forceFlush: () => next.forceFlush(),
    shutdown(): Promise<void> {
      for (const trace of running) trace.release();
      return next.shutdown();
    },
  };
}

function adopted(span: ReadableSpan, records: Pick<ResponseRecords, "adopt">): ResponseRecord | undefined {
  if (!isRequest(span)) return undefined;
  return records.adopt({
    method: String(span.attributes[OLD_HTTP_METHOD]),
    target: String(span.attributes[OLD_HTTP_TARGET]),
    parentSpanId: span.parentSpanContext?.spanId,
  });
}

/** A span of Next.js whose request nobody told us of. */
function withoutRecord(span: ReadableSpan): ReadableSpan {
  if (span.attributes[NEXT_SPAN_TYPE] === undefined) return span;
  if (isRequest(span)) return serverSpan(span, undefined, []);
  return viewOf(span, { attributes: stableAttributes(span.attributes) });
}

function isRequest(span: ReadableSpan): boolean {
  return span.kind === SpanKind.SERVER && span.attributes[NEXT_SPAN_TYPE] !== undefined;
}

import { type SpanContext, SpanKind } from "@opentelemetry/api";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NEXT_SPAN_TYPE, OLD_HTTP_METHOD, OLD_HTTP_TARGET } from "@throughline/core/attributes";
import { callerLinks } from "../outbound/caller-trust.ts";
import { viewOf } from "../pipeline/span-view.ts";
import { RecordedSpan } from "../tracer/span.ts";
import { createRequestTrace, type RequestTrace } from "./request-trace.ts";
import type { ResponseRecord, ResponseRecords } from "./response-record.ts";
import { serverSpan } from "./server-span.ts";
import { stableAttributes } from "./stable-attributes.ts";

/** Makes Next.js's spans what the conventions ask for, a request at a time: see `createRequestTrace`. */
export function nextSpans(
  next: SpanProcessor,
  records: Pick<ResponseRecords, "current" | "adopt" | "setSpan">,
): SpanProcessor {
  // Of another tracer's spans, by the context, which a view of the span has too. A WeakMap costs several times as
  // much as a field.
  const others = new WeakMap<SpanContext, RequestTrace>();
  const running = new Set<RequestTrace>();
  const send = (span: ReadableSpan): void => next.onEnd(span);

  const traceOf = (record: ResponseRecord): RequestTrace => {
    if (record.trace) return record.trace;
    const created = createRequestTrace({
      record,
      send,
      onServer: records.setSpan,
      onOver: () => running.delete(created),
    });
    record.trace = created;
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
      if (span instanceof RecordedSpan) span.keeper = trace;
      else others.set(span.spanContext(), trace);
      trace.opened(span);
    },
    onEnd(span: ReadableSpan): void {
      const trace =
        span instanceof RecordedSpan
          ? (span.keeper as RequestTrace | undefined)
          : others.get(span.spanContext());
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
  return viewOf(
    span,
    isRequest(span) ? serverSpan(span, undefined, []) : { attributes: stableAttributes(span.attributes) },
  );
}

function isRequest(span: ReadableSpan): boolean {
  return span.kind === SpanKind.SERVER && span.attributes[NEXT_SPAN_TYPE] !== undefined;
}

import type { HrTime, SpanContext } from "@opentelemetry/api";
import { hrTimeDuration } from "@opentelemetry/core";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";

export interface SpanChanges
  extends Partial<Pick<ReadableSpan, "name" | "kind" | "attributes" | "status" | "events" | "links">> {
  /** `undefined` makes the span a root. */
  readonly parentSpanContext?: SpanContext | undefined;
}

/** An ended span with some fields changed; the span itself is frozen by its end and stays as it is. */
export function viewOf(span: ReadableSpan, changes: SpanChanges): ReadableSpan {
  return changed(span, changes);
}

/** An ended span that ends at another time. */
export function endedAt(span: ReadableSpan, endTime: HrTime): ReadableSpan {
  return changed(span, { endTime, duration: hrTimeDuration(span.startTime, endTime) });
}

function changed(span: ReadableSpan, changes: object): ReadableSpan {
  return Object.create(
    span,
    Object.fromEntries(Object.entries(changes).map(([key, value]) => [key, { value, enumerable: true }])),
  );
}

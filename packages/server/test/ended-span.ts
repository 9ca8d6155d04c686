import { SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";

const resource = resourceFromAttributes({ "service.name": "shop" });
const instrumentationScope = { name: "test" };

/** A finished span, number `index` of its process; ten of them make a trace. */
export function endedSpan(index: number, changes: Partial<ReadableSpan> = {}): ReadableSpan {
  const context = {
    traceId: (Math.floor(index / 10) + 1).toString(16).padStart(32, "0"),
    spanId: (index + 1).toString(16).padStart(16, "0"),
    traceFlags: TraceFlags.SAMPLED,
  };
  return {
    name: `span ${index}`,
    kind: SpanKind.INTERNAL,
    spanContext: () => context,
    startTime: [1_790_000_000, 0],
    endTime: [1_790_000_000, 5_000_000],
    duration: [0, 5_000_000],
    ended: true,
    status: { code: SpanStatusCode.UNSET },
    attributes: { "http.request.method": "GET", "url.path": `/products/${index}` },
    links: [],
    events: [],
    resource,
    instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...changes,
  };
}

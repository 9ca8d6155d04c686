import { SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";

/** Prints each span as one line of JSON as it ends, for `OTEL_TRACES_EXPORTER=console`. */
export function createConsoleProcessor(print: (line: string) => void): SpanProcessor {
  return {
    onStart: () => undefined,
    onEnd(span): void {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) print(lineOf(span));
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

function lineOf(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  const [seconds, nanos] = span.duration;
  return JSON.stringify({
    name: span.name,
    kind: SpanKind[span.kind],
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    start: new Date(span.startTime[0] * 1000 + span.startTime[1] / 1e6).toISOString(),
    durationMs: Math.round(seconds * 1e6 + nanos / 1e3) / 1000,
    status: SpanStatusCode[span.status.code],
    message: span.status.message,
    attributes: span.attributes,
    events: span.events.map(({ name, attributes }) => ({ name, attributes })),
  });
}

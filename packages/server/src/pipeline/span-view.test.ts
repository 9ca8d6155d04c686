import { ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { BasicTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { viewOf } from "./span-view.ts";

const PARENT = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 };

function endedSpan(): ReadableSpan {
  const ended: ReadableSpan[] = [];
  const none = () => Promise.resolve();
  const collecting = {
    onStart: none,
    onEnd: (span: ReadableSpan) => ended.push(span),
    forceFlush: none,
    shutdown: none,
  };
  new BasicTracerProvider({ spanProcessors: [collecting] })
    .getTracer("scope", "1.0")
    .startSpan(
      "work",
      { kind: SpanKind.CLIENT, attributes: { a: 1 }, links: [{ context: PARENT }], startTime: [10, 5] },
      trace.setSpanContext(ROOT_CONTEXT, PARENT),
    )
    .addEvent("saved")
    .setStatus({ code: 2, message: "no" })
    .end([11, 0]);
  const [span] = ended;
  if (!span) throw new Error("no span has ended");
  return span;
}

/** Every field that exporters read. */
function fieldsOf(span: ReadableSpan): unknown {
  return {
    name: span.name,
    kind: span.kind,
    context: span.spanContext(),
    parent: span.parentSpanContext,
    times: [span.startTime, span.endTime, span.duration, span.ended],
    status: span.status,
    lists: [span.attributes, span.links, span.events],
    dropped: [span.droppedAttributesCount, span.droppedEventsCount, span.droppedLinksCount],
    source: [span.resource, span.instrumentationScope],
  };
}

test("a view without changes is its span, field by field", () => {
  const span = endedSpan();
  expect(fieldsOf(viewOf(span, {}))).toEqual(fieldsOf(span));
});

test("what is changed is changed in the view alone, and stays so in a view of the view", () => {
  const span = endedSpan();
  const view = viewOf(viewOf(span, { name: "other", attributes: { b: 2 } }), { kind: SpanKind.INTERNAL });
  expect(fieldsOf(view)).toEqual({
    ...(fieldsOf(span) as object),
    name: "other",
    kind: SpanKind.INTERNAL,
    lists: [{ b: 2 }, span.links, span.events],
  });
  expect(span.name).toBe("work");
});

test("a view can lose its parent", () => {
  expect(viewOf(endedSpan(), { parentSpanContext: undefined }).parentSpanContext).toBeUndefined();
});

test("a view that ends at another time lasts until then", () => {
  const span = endedSpan();
  expect(fieldsOf(viewOf(span, { endTime: [12, 5] }))).toEqual({
    ...(fieldsOf(span) as object),
    times: [[10, 5], [12, 5], [2, 0], true],
  });
});

import {
  type Link,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TimeInput,
  TraceFlags,
} from "@opentelemetry/api";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { writeRequest, writeResource, writeScope, writeSpan } from "./otlp-json.ts";

function record(
  run: (span: Span) => void,
  options: { links?: Link[]; startTime?: TimeInput } = {},
): ReadableSpan {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "web", n: 1 }),
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const span = provider
    .getTracer("scope", "1.0")
    .startSpan("click Buy", { kind: SpanKind.CLIENT, ...options });
  run(span);
  span.end();
  const [finished] = exporter.getFinishedSpans();
  if (!finished) throw new Error("no span was recorded");
  return finished;
}

/** The same message without what means "not said": empty lists, zero counts, absent texts. */
function meaning(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(meaning);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(
      ([key, item]) =>
        !(key.startsWith("dropped") && item === 0) && !(Array.isArray(item) && item.length === 0),
    )
    .map(([key, item]) => [key, meaning(item)]);
  return Object.fromEntries(entries);
}

function write(span: ReadableSpan): unknown {
  const spans = new Map([[writeScope(span.instrumentationScope), [writeSpan(span)]]]);
  return JSON.parse(writeRequest(writeResource(span.resource.attributes), spans));
}

function oracle(span: ReadableSpan): unknown {
  return JSON.parse(new TextDecoder().decode(JsonTraceSerializer.serializeRequest([span])));
}

test.each<[string, ReadableSpan]>([
  ["a bare span", record(() => undefined)],
  [
    "attributes of every type",
    record((span) => {
      span.setAttributes({
        text: 'ä\u2028"',
        int: 42,
        double: 1.5,
        yes: true,
        list: ["a", "b"],
        numbers: [1, 2.5],
      });
    }),
  ],
  ["an event", record((span) => span.addEvent("saved", { rows: 3 }))],
  [
    "an exception and a status",
    record((span) => {
      // Without the addresses of a real one, which are scrubbed.
      span.recordException({ name: "TypeError", message: "no", stack: "TypeError: no\n    at buy" });
      span.setStatus({ code: SpanStatusCode.ERROR, message: "no" });
    }),
  ],
  [
    "a link",
    record(() => undefined, {
      links: [
        {
          context: {
            traceId: "1".repeat(32),
            spanId: "2".repeat(16),
            traceFlags: TraceFlags.SAMPLED,
            isRemote: true,
          },
          attributes: { why: "retry" },
        },
      ],
    }),
  ],
  ["a start in the past", record(() => undefined, { startTime: [1_700_000_000, 5] })],
])("%s means the same as upstream's serializer says", (_name, span) => {
  expect(meaning(write(span))).toEqual(meaning(oracle(span)));
});

test("numbers that JSON does not know are texts, whole numbers beyond 2^53 are doubles", () => {
  const span = record((it) => {
    it.setAttributes({ nan: Number.NaN, inf: -Infinity, big: 2 ** 60 });
  });
  expect(JSON.parse(writeSpan(span)).attributes).toEqual([
    { key: "nan", value: { doubleValue: "NaN" } },
    { key: "inf", value: { doubleValue: "-Infinity" } },
    { key: "big", value: { doubleValue: 2 ** 60 } },
  ]);
});

test("nanoseconds keep all their digits", () => {
  const span = record(() => undefined, { startTime: [1_700_000_000, 5] });
  expect(JSON.parse(writeSpan(span)).startTimeUnixNano).toBe("1700000000000000005");
});

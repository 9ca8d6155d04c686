import { SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { describe, expect, test } from "vitest";
import { decodeJsonTraces, parseJsonBody } from "./decode-json.ts";
import { decodeProtobufTraces } from "./decode-protobuf.ts";
import { createIntern } from "./intern.ts";

// Upstream's serializers are the producers: what they write is what exporters in the field send.

const finished = (): ReadableSpan[] => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop", "process.pid": 4711 }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    spanLimits: { attributeCountLimit: 10 },
  });
  const tracer = provider.getTracer("shop-tracer", "1.2.3");
  const span = tracer.startSpan("POST /api/orders", {
    kind: SpanKind.SERVER,
    startTime: [1_790_000_000, 123_456_789],
    links: [
      {
        context: { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: TraceFlags.SAMPLED },
        attributes: { why: "retry" },
      },
    ],
  });
  span.setAttributes({
    text: "Grüße, 日本 🦄",
    whole: 42,
    negative: -7,
    large: Number.MAX_SAFE_INTEGER,
    half: 0.5,
    yes: true,
    no: false,
    list: ["a", "b"],
    numbers: [1, 2.5],
  });
  for (let extra = 0; extra < 4; extra++) span.setAttribute(`extra.${extra}`, extra);
  span.addEvent("exception", { "exception.message": "no stock" }, [1_790_000_000, 200_000_001]);
  span.setStatus({ code: SpanStatusCode.ERROR, message: "no stock" });
  span.end([1_790_000_001, 1]);
  tracer.startSpan("poll", { kind: SpanKind.CLIENT, root: true }).end();
  return exporter.getFinishedSpans();
};

const fromProtobuf = (spans: ReadableSpan[]) =>
  decodeProtobufTraces(ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array(), createIntern());
const fromJson = (spans: ReadableSpan[]) =>
  decodeJsonTraces(
    parseJsonBody(JsonTraceSerializer.serializeRequest(spans) ?? new Uint8Array()),
    createIntern(),
  );

describe("spans of the real SDK", () => {
  test("come out of protobuf and JSON as the same records", () => {
    const spans = finished();
    const { spans: records, rejected, problems } = fromProtobuf(spans);
    expect(records).toHaveLength(2);
    expect({ rejected, problems }).toEqual({ rejected: 0, problems: [] });
    expect(fromJson(spans).spans).toEqual(records);
  });

  test("keep every field, to the nanosecond", () => {
    const spans = finished();
    const [server] = fromProtobuf(spans).spans;
    expect(server).toEqual({
      traceId: spans[0]?.spanContext().traceId,
      spanId: spans[0]?.spanContext().spanId,
      name: "POST /api/orders",
      kind: "server",
      startUnixNano: 1_790_000_000_123_456_789n,
      endUnixNano: 1_790_000_001_000_000_001n,
      attributes: {
        text: "Grüße, 日本 🦄",
        whole: 42,
        negative: -7,
        large: Number.MAX_SAFE_INTEGER,
        half: 0.5,
        yes: true,
        no: false,
        list: ["a", "b"],
        numbers: [1, 2.5],
        "extra.0": 0,
      },
      events: [
        {
          name: "exception",
          timeUnixNano: 1_790_000_000_200_000_001n,
          attributes: { "exception.message": "no stock" },
        },
      ],
      links: [{ traceId: "a".repeat(32), spanId: "b".repeat(16), attributes: { why: "retry" } }],
      status: { code: "error", message: "no stock" },
      flags: expect.any(Number),
      resource: expect.objectContaining({ "service.name": "shop", "process.pid": 4711 }),
      scope: { name: "shop-tracer", version: "1.2.3" },
      droppedCount: 3,
    });
  });

  test("cut off at any byte never decode into other spans than the whole", () => {
    const body = ProtobufTraceSerializer.serializeRequest(finished()) ?? new Uint8Array();
    let refused = 0;
    for (let length = 1; length < body.length; length++) {
      try {
        decodeProtobufTraces(body.subarray(0, length), createIntern());
      } catch (error) {
        refused += 1;
        expect(String(error)).toContain("throughline: the protobuf body is malformed");
      }
    }
    // Cuts between two top-level messages are whole requests; one resource means there is none.
    expect(refused).toBe(body.length - 1);
  });
});

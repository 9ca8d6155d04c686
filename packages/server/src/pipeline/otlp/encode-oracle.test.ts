import { type Attributes, createTraceState, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { createCollector } from "@throughline/collector";
import type { SpanRecord } from "@throughline/core";
import { DROPPED_SPANS } from "@throughline/core/attributes";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createJsonEncoder } from "./encode-json.ts";
import { createProtobufEncoder } from "./encode-protobuf.ts";
import { createSources, type SpanEncoder } from "./span-encoder.ts";

// Upstream's serializers are the oracle: what both of them write must mean the same, field by field. JSON is
// compared as it stands, protobuf through the collector's decoder, which has an oracle of its own.

const resource = resourceFromAttributes({ "service.name": "shop", "process.pid": 7, list: ["a", "b"] });
const scope = { name: "next.js", version: "16.4.6", schemaUrl: "https://opentelemetry.io/schemas/1.30.0" };
const CONTEXT = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  traceFlags: TraceFlags.SAMPLED,
};

function span(changes: Partial<ReadableSpan> = {}): ReadableSpan {
  return {
    name: "GET /",
    kind: SpanKind.SERVER,
    spanContext: () => CONTEXT,
    startTime: [1_790_000_000, 123_456_789],
    endTime: [1_790_000_001, 1],
    duration: [0, 876_543_212],
    ended: true,
    status: { code: SpanStatusCode.UNSET },
    attributes: {},
    links: [],
    events: [],
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...changes,
  };
}

function write(encoder: SpanEncoder, spans: readonly ReadableSpan[], dropped = 0): Uint8Array {
  const sourceOf = createSources();
  return encoder.request(
    spans.map((each) => ({ source: sourceOf(each), bytes: encoder.encode(each) })),
    dropped,
  );
}

async function decoded(contentType: string, body: Uint8Array): Promise<readonly SpanRecord[]> {
  const collector = createCollector();
  const request = new Request("http://localhost:4318/v1/traces", {
    method: "POST",
    headers: { "content-type": contentType },
    body,
  });
  const response = await collector.handle(request);
  expect(await response.text(), "the collector took everything").not.toContain("rejected");
  const { store } = collector;
  return store.list({}).flatMap(({ traceId }) => store.getTrace(traceId));
}

const parse = (body: Uint8Array | undefined): unknown => JSON.parse(new TextDecoder().decode(body));

/** Upstream writes empty lists, zero counts and the status UNSET, which in OTLP mean the same as nothing. */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .map(([key, each]) => [key, withoutDefaults(each)] as const)
    .filter(([key, each]) => {
      if (Array.isArray(each)) return each.length > 0 || key === "values";
      if (key.startsWith("dropped")) return each !== 0;
      return !(key === "status" && JSON.stringify(each) === '{"code":0}');
    });
  return Object.fromEntries(kept);
}

async function expectSame(spans: ReadableSpan[]): Promise<void> {
  expect(withoutDefaults(parse(write(createJsonEncoder(), spans)))).toEqual(
    withoutDefaults(parse(JsonTraceSerializer.serializeRequest(spans))),
  );
  const ours = createProtobufEncoder();
  const upstream = ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array();
  expect(await decoded(ours.contentType, write(ours, spans))).toEqual(
    await decoded(ours.contentType, upstream),
  );
}

test("a span with everything a span can have says what upstream's serializers say", async () => {
  const traceState = createTraceState("vendor=1,other=two");
  await expectSame([
    span({
      name: "Grüße, 日本 🦄",
      spanContext: () => ({ ...CONTEXT, traceState }),
      parentSpanContext: { ...CONTEXT, spanId: "b".repeat(16), isRemote: true },
      attributes: {
        text: 'a longer text than the loop takes, with 日本 in it and "quotes" \\ and\nlines',
        ascii: "x".repeat(300),
        whole: 42,
        negative: -7,
        large: Number.MAX_SAFE_INTEGER,
        least: Number.MIN_SAFE_INTEGER,
        half: 0.5,
        yes: true,
        no: false,
        empty: "",
        list: ["a", "b"],
        numbers: [1, 2.5, -3],
        nothing: [],
      },
      events: [
        { name: "exception", time: [1_790_000_000, 200_000_001], attributes: { "exception.message": "no" } },
        { name: "bare", time: [1_790_000_000, 999_999_999], droppedAttributesCount: 3 },
      ],
      links: [
        { context: { ...CONTEXT, traceId: "a".repeat(32), isRemote: true }, attributes: { why: "retry" } },
        { context: { ...CONTEXT, traceState }, droppedAttributesCount: 1 },
      ],
      status: { code: SpanStatusCode.ERROR, message: "no stock" },
      droppedAttributesCount: 4,
      droppedEventsCount: 5,
      droppedLinksCount: 300,
    }),
    span({
      spanContext: () => ({ ...CONTEXT, spanId: "c".repeat(16) }),
      status: { code: SpanStatusCode.OK },
    }),
  ]);
});

const value = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((each) => Math.abs(each) < 2 ** 53),
  fc.boolean(),
  fc.array(fc.string({ unit: "grapheme" }), { maxLength: 4 }),
);
const attributes: fc.Arbitrary<Attributes> = fc.dictionary(fc.string({ minLength: 1 }), value, {
  maxKeys: 20,
});
const time = fc.tuple(fc.integer({ min: 1, max: 4_000_000_000 }), fc.integer({ min: 0, max: 999_999_999 }));
const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: digits, maxLength: digits })
    .map((all) => all.join(""))
    .filter((id) => !/^0+$/.test(id));
const randomSpan = fc
  .record({
    name: fc.string({ unit: "grapheme", maxLength: 80 }),
    kind: fc.integer({ min: 0, max: 4 }),
    startTime: time,
    endTime: time,
    attributes,
    traceId: hex(32),
    spanId: hex(16),
    events: fc.array(fc.record({ name: fc.string(), time, attributes }), { maxLength: 3 }),
  })
  .map(({ traceId, spanId, ...rest }) =>
    span({ ...rest, spanContext: () => ({ ...CONTEXT, traceId, spanId }) }),
  );

test("random spans say what upstream's serializers say", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(randomSpan, { minLength: 1, maxLength: 5 }), (spans) => expectSame(spans)),
    { numRuns: 100 },
  );
});

test("spans of several tracers and resources stand below their own", async () => {
  const other = resourceFromAttributes({ "service.name": "worker" });
  const named = (spanId: string, changes: Partial<ReadableSpan>) =>
    span({ ...changes, spanContext: () => ({ ...CONTEXT, spanId }) });
  await expectSame([
    named("1".repeat(16), {}),
    named("2".repeat(16), { instrumentationScope: { name: "pg" } }),
    named("3".repeat(16), { resource: other }),
    named("4".repeat(16), {}),
  ]);
});

test("what upstream cannot write is written as the protocol asks", async () => {
  const odd = span({
    attributes: {
      nan: Number.NaN,
      infinite: Number.NEGATIVE_INFINITY,
      lone: "\ud800",
      far: 2 ** 60,
      mixed: ["a", null, undefined],
    } as unknown as Attributes,
  });
  const json = createJsonEncoder();
  expect((await decoded(json.contentType, write(json, [odd])))[0]?.attributes).toMatchObject({
    infinite: "-Infinity",
    nan: "NaN",
    far: 2 ** 60,
    mixed: ["a", null, null],
  });
  const protobuf = createProtobufEncoder();
  const [record] = await decoded(protobuf.contentType, write(protobuf, [odd]));
  expect(record?.attributes.lone).toBe("\ufffd");
  expect(record?.attributes.far).toBe(2 ** 60);
});

test.each([createJsonEncoder(), createProtobufEncoder()])(
  "dropped spans are told once, on the first resource: $contentType",
  async (encoder) => {
    const other = span({
      resource: resourceFromAttributes({ "service.name": "worker" }),
      spanContext: () => ({ ...CONTEXT, spanId: "2".repeat(16) }),
    });
    const records = await decoded(encoder.contentType, write(encoder, [span(), other], 12));
    expect(records.map(({ resource: of }) => [of["service.name"], of[DROPPED_SPANS]])).toEqual([
      ["shop", 12],
      ["worker", undefined],
    ]);
  },
);

test.each([createJsonEncoder(), createProtobufEncoder()])(
  "dropped spans are told when there is no other: $contentType",
  async (encoder) => {
    const collector = createCollector();
    const headers = { "content-type": encoder.contentType };
    const body = encoder.request([], 7);
    const post = new Request("http://localhost/v1/traces", { method: "POST", headers, body });
    expect((await collector.handle(post)).status).toBe(200);
    const stats = await collector.handle(new Request("http://localhost/api/stats"));
    expect(await stats.json()).toMatchObject({ spans: 0, droppedBySenders: 7 });
  },
);

test("what a small span keeps in memory is not what a large one before it needed", () => {
  const encoder = createProtobufEncoder();
  const buffers = [1, 200_000, 1].map(
    (size) => encoder.encode(span({ attributes: { big: "y".repeat(size) } })).buffer.byteLength,
  );
  expect(buffers).toEqual([64 * 1024, expect.any(Number), 64 * 1024]);
});

test("a span larger than a slab, and the spans around it, stay whole", async () => {
  const many = Array.from({ length: 300 }, (_, index) =>
    span({
      spanContext: () => ({ ...CONTEXT, spanId: (index + 1).toString(16).padStart(16, "0") }),
      attributes: { big: "y".repeat(index === 150 ? 200_000 : index * 3) },
    }),
  );
  await expectSame(many);
});

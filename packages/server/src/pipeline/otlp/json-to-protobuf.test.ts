import { fileURLToPath } from "node:url";
import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
} from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { AggregationType, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import fc from "fast-check";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { complaintOf, protobufOf } from "./json-to-protobuf.ts";

// protobufjs is the oracle: from the same JSON it has to write the same bytes. That the fields have the right numbers
// is what upstream's serializers are compared for.

const root = protobuf.loadSync(fileURLToPath(new URL("../../../test/otlp.proto", import.meta.url)));
const TYPES = {
  traces: root.lookupType("Traces"),
  metrics: root.lookupType("Metrics"),
  logs: root.lookupType("Logs"),
} as const;
type Signal = keyof typeof TYPES;

/** protobufjs takes bytes where OTLP/JSON has digits. */
function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(
    entries.map(([key, each]) => [
      key,
      /^(trace|span|parentSpan)Id$/.test(key) ? Buffer.from(String(each), "hex") : withBytes(each),
    ]),
  );
}

function byOracle(signal: Signal, json: object): Uint8Array {
  const type = TYPES[signal];
  return type.encode(type.fromObject(withBytes(json) as Record<string, unknown>)).finish();
}

const read = (signal: Signal, bytes: Uint8Array, defaults = false): object =>
  TYPES[signal].toObject(TYPES[signal].decode(bytes), { longs: String, bytes: String, defaults });

function complaint(signal: Signal, json: unknown): string {
  try {
    protobufOf(signal, json);
    return "none";
  } catch (error) {
    return complaintOf(error) ?? String(error);
  }
}

const ofSpan = (span: unknown): object => ({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });

const unicode = fc.string({ unit: "grapheme", maxLength: 60 });
/** As a number where it is exact, or as its text. */
const integer = (min: bigint, max: bigint) =>
  fc
    .tuple(fc.bigInt({ min, max }), fc.boolean())
    .map(([value, asText]) =>
      asText || !Number.isSafeInteger(Number(value)) ? String(value) : Number(value),
    );
const int64 = integer(-(2n ** 63n), 2n ** 63n - 1n);
const uint64 = fc.oneof(
  integer(0n, 2n ** 64n - 1n),
  integer(1_700_000_000_000_000_000n, 1_900_000_000_000_000_000n),
);
const uint32 = integer(0n, 2n ** 32n - 1n);
const sint32 = integer(-(2n ** 31n), 2n ** 31n - 1n);
const double = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom("NaN", "Infinity", "-Infinity", "1e300"),
);
const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each).toString("base64"));
const id = (size: number) =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((each) => Buffer.from(each).toString("hex"));
/** Some of the fields, `null` for some others, and what no reader knows. */
const some = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc
    .tuple(fc.record(fields, { requiredKeys: [] }), fc.boolean())
    .map(([given, isOdd]) => (isOdd ? { ...given, unknownField: { a: [1] }, notThere: null } : given));
const few = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });

const { value: anyValue } = fc.letrec<{ value: object }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    unicode.map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    int64.map((intValue) => ({ intValue })),
    double.map((doubleValue) => ({ doubleValue })),
    bytes.map((bytesValue) => ({ bytesValue })),
    fc.constant({}),
    few(tie("value")).map((values) => ({ arrayValue: { values } })),
    few(fc.tuple(unicode, tie("value"))).map((pairs) => ({
      kvlistValue: { values: pairs.map(([key, value]) => ({ key, value })) },
    })),
  ),
}));
const attributes = few(fc.record({ key: unicode, value: anyValue }));
const droppedAttributesCount = uint32;
const resource = some({
  attributes,
  droppedAttributesCount,
  entityRefs: few(
    some({ schemaUrl: unicode, type: unicode, idKeys: few(unicode), descriptionKeys: few(unicode) }),
  ),
});
const scope = some({ name: unicode, version: unicode, attributes, droppedAttributesCount });
const span = some({
  traceId: id(16),
  spanId: id(8),
  traceState: unicode,
  parentSpanId: id(8),
  name: unicode,
  kind: fc.oneof(fc.nat(5), fc.constantFrom("SPAN_KIND_SERVER", "SPAN_KIND_CONSUMER")),
  startTimeUnixNano: uint64,
  endTimeUnixNano: uint64,
  attributes,
  droppedAttributesCount,
  events: few(some({ timeUnixNano: uint64, name: unicode, attributes, droppedAttributesCount })),
  droppedEventsCount: uint32,
  links: few(
    some({
      traceId: id(16),
      spanId: id(8),
      traceState: unicode,
      attributes,
      droppedAttributesCount,
      flags: uint32,
    }),
  ),
  droppedLinksCount: uint32,
  status: some({
    message: unicode,
    code: fc.oneof(fc.nat(2), fc.constantFrom("STATUS_CODE_OK", "STATUS_CODE_ERROR")),
  }),
  flags: uint32,
});
const logRecord = some({
  timeUnixNano: uint64,
  severityNumber: fc.oneof(
    fc.nat(24),
    fc.constantFrom("SEVERITY_NUMBER_TRACE", "SEVERITY_NUMBER_WARN4", "SEVERITY_NUMBER_FATAL4"),
  ),
  severityText: unicode,
  body: anyValue,
  attributes,
  droppedAttributesCount,
  flags: uint32,
  traceId: id(16),
  spanId: id(8),
  observedTimeUnixNano: uint64,
  eventName: unicode,
});
const value = fc.oneof(
  double.map((asDouble) => ({ asDouble })),
  int64.map((asInt) => ({ asInt })),
);
const exemplars = few(
  fc
    .tuple(
      some({ timeUnixNano: uint64, spanId: id(8), traceId: id(16), filteredAttributes: attributes }),
      value,
    )
    .map(([rest, held]) => ({ ...rest, ...held })),
);
const point = { startTimeUnixNano: uint64, timeUnixNano: uint64, attributes, flags: uint32 };
const counted = { ...point, count: uint64, sum: double };
const numberPoints = few(
  fc.tuple(some({ ...point, exemplars }), value).map(([rest, held]) => ({ ...rest, ...held })),
);
const buckets = some({ offset: sint32, bucketCounts: few(uint64) });
const temporality = fc.oneof(fc.nat(2), fc.constantFrom("AGGREGATION_TEMPORALITY_DELTA"));
const metricData = fc.oneof(
  some({ dataPoints: numberPoints }).map((gauge) => ({ gauge })),
  some({ dataPoints: numberPoints, aggregationTemporality: temporality, isMonotonic: fc.boolean() }).map(
    (sum) => ({ sum }),
  ),
  some({
    dataPoints: few(
      some({
        ...counted,
        bucketCounts: few(uint64),
        explicitBounds: few(double),
        exemplars,
        min: double,
        max: double,
      }),
    ),
    aggregationTemporality: temporality,
  }).map((histogram) => ({ histogram })),
  some({
    dataPoints: few(
      some({
        ...counted,
        scale: sint32,
        zeroCount: uint64,
        positive: buckets,
        negative: buckets,
        exemplars,
        min: double,
        max: double,
        zeroThreshold: double,
      }),
    ),
    aggregationTemporality: temporality,
  }).map((exponentialHistogram) => ({ exponentialHistogram })),
  some({
    dataPoints: few(some({ ...counted, quantileValues: few(some({ quantile: double, value: double })) })),
  }).map((summary) => ({ summary })),
);
const metric = fc
  .tuple(some({ name: unicode, description: unicode, unit: unicode, metadata: attributes }), metricData)
  .map(([rest, data]) => ({ ...rest, ...data }));

const requests: Readonly<Record<Signal, fc.Arbitrary<object>>> = {
  traces: some({
    resourceSpans: few(
      some({
        resource,
        scopeSpans: few(some({ scope, spans: few(span), schemaUrl: unicode })),
        schemaUrl: unicode,
      }),
    ),
  }),
  metrics: some({
    resourceMetrics: few(
      some({
        resource,
        scopeMetrics: few(some({ scope, metrics: few(metric), schemaUrl: unicode })),
        schemaUrl: unicode,
      }),
    ),
  }),
  logs: some({
    resourceLogs: few(
      some({
        resource,
        scopeLogs: few(some({ scope, logRecords: few(logRecord), schemaUrl: unicode })),
        schemaUrl: unicode,
      }),
    ),
  }),
};

test.each(["traces", "metrics", "logs"] as const)(
  "random %s are the same bytes as protobufjs makes of them",
  (signal) => {
    fc.assert(
      fc.property(requests[signal], (json) => {
        const parsed: object = JSON.parse(JSON.stringify(json));
        const hex = Buffer.from(protobufOf(signal, parsed)).toString("hex");
        expect(hex).toBe(Buffer.from(byOracle(signal, parsed)).toString("hex"));
      }),
      { numRuns: 100 },
    );
  },
  60_000,
);

test("whatever JSON it is, it is written or refused with a complaint", () => {
  const broken = fc.oneof(fc.jsonValue(), fc.constant([null]), fc.constant({}));
  const keys = ["traceId", "name", "kind", "attributes", "events", "links", "status", "flags"] as const;
  fc.assert(
    fc.property(fc.constantFrom(...keys), broken, (key, held) => {
      expect(complaint("traces", ofSpan({ [key]: held }))).toMatch(
        new RegExp(`^none$|^the field resourceSpans\\[0\\]\\.scopeSpans\\[0\\]\\.spans\\[0\\]\\.${key}`),
      );
    }),
    { numRuns: 500 },
  );
});

test.each<[string, unknown, string]>([
  [
    "an id in base64",
    { traceId: "S/kvNXezTaajzpKdDg5HNg==" },
    'traceId holds "S/kvNXezTaajzpKdDg5HNg==", expected 32 hexadecimal digits',
  ],
  ["an id that is too short", { spanId: "abc" }, 'spanId holds "abc", expected 16 hexadecimal digits'],
  [
    "a time with a sign",
    { startTimeUnixNano: "-1" },
    'startTimeUnixNano holds "-1", expected an integer from 0 to 18446744073709551615',
  ],
  ["a time beyond 64 bits", { endTimeUnixNano: "18446744073709551616" }, "expected an integer from 0"],
  [
    "half a count",
    { droppedEventsCount: 1.5 },
    "droppedEventsCount holds 1.5, expected an integer from 0 to 4294967295",
  ],
  [
    "a kind that is none",
    { kind: "SERVER" },
    'kind holds "SERVER", expected an integer or a name such as SPAN_KIND_CONSUMER',
  ],
  ["attributes as a map", { attributes: { a: 1 } }, "attributes holds an object, expected a list"],
  [
    "a value that is no object",
    { attributes: [{ key: "a", value: "b" }] },
    'attributes[0].value holds "b", expected an object',
  ],
  [
    "two values",
    { attributes: [{ key: "a", value: { stringValue: "b", intValue: 1 } }] },
    "attributes[0].value holds stringValue and intValue, expected one of them",
  ],
  [
    "bytes that are none",
    { attributes: [{ key: "a", value: { bytesValue: "a b" } }] },
    'bytesValue holds "a b", expected base64',
  ],
  [
    "a number in words",
    { attributes: [{ key: "a", value: { doubleValue: "much" } }] },
    'doubleValue holds "much", expected a number',
  ],
])("%s is named with its place", (_, span, says) => {
  const told = complaint("traces", ofSpan(span));
  expect(told).toMatch(/^the field resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\./);
  expect(told).toContain(says);
});

test("a value is nested as deep as readers take, and no deeper", () => {
  const nested = (levels: number): object =>
    levels === 0 ? { boolValue: true } : { arrayValue: { values: [nested(levels - 1)] } };
  const spanOf = (levels: number) => ofSpan({ attributes: [{ key: "deep", value: nested(levels) }] });
  expect(read("traces", protobufOf("traces", spanOf(47)))).toMatchObject({ resourceSpans: [{}] });
  expect(complaint("traces", spanOf(48))).toMatch(/is nested deeper than 100 messages/);
  const text = `${'{"arrayValue":{"values":['.repeat(30_000)}${"]}}".repeat(30_000)}`;
  const deep = ofSpan({ attributes: [{ key: "deep", value: JSON.parse(text) }] });
  expect(complaint("traces", deep)).toMatch(/is nested deeper/);
});

test("an empty id is none, an unknown number of an enum stays, null in a list is an empty message", () => {
  const json = ofSpan({ parentSpanId: "", kind: 77, events: [null] });
  expect(read("traces", protobufOf("traces", json))).toEqual({
    resourceSpans: [{ scopeSpans: [{ spans: [{ kind: 77, events: [{}] }] }] }],
  });
});

test("what is kept is no larger than what was written", () => {
  const bytes = protobufOf("traces", ofSpan({ name: "GET /" }));
  expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
});

test("upstream's logs are the same in both of its encodings", () => {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    processors: [new SimpleLogRecordProcessor({ exporter })],
  });
  provider.getLogger("app", "1.0").emit({
    body: { text: "no stock", codes: [1, 2.5], raw: new Uint8Array([1, 2]) },
    severityNumber: 17,
    severityText: "ERROR",
    eventName: "sold.out",
    attributes: { sku: "tea", left: 0 },
  });
  const records = exporter.getFinishedLogRecords();
  expectSame(
    "logs",
    JsonLogsSerializer.serializeRequest(records),
    ProtobufLogsSerializer.serializeRequest(records),
  );
});

class Reader extends MetricReader {
  protected override onForceFlush = () => Promise.resolve();
  protected override onShutdown = () => Promise.resolve();
}

test("upstream's metrics are the same in both of its encodings", async () => {
  const reader = new Reader();
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    readers: [reader],
    views: [{ instrumentName: "spread", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const meter = provider.getMeter("app", "1.0");
  meter.createCounter("sold", { unit: "1", description: "Sold" }).add(3, { sku: "tea" });
  meter.createUpDownCounter("left", { valueType: 1 }).add(-2.5);
  meter.createHistogram("took").record(0.2, { route: "/" });
  for (const each of [0.001, 7, 900]) meter.createHistogram("spread").record(each);
  meter.createGauge("heat").record(21.5);
  const { resourceMetrics } = await reader.collect();
  expectSame(
    "metrics",
    JsonMetricsSerializer.serializeRequest(resourceMetrics),
    ProtobufMetricsSerializer.serializeRequest(resourceMetrics),
  );
});

function expectSame(signal: Signal, json: Uint8Array | undefined, bytes: Uint8Array | undefined): void {
  const ours = protobufOf(signal, JSON.parse(new TextDecoder().decode(json)));
  // What is empty or zero is left out by one of the two, which means the same.
  expect(read(signal, ours, true)).toEqual(read(signal, bytes ?? new Uint8Array(), true));
}

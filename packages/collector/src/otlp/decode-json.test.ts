import type { AttributeValue, SpanRecord } from "@throughline/core";
import { describe, expect, test } from "vitest";
import { decodeJsonTraces, parseJsonBody } from "./decode-json.ts";
import { createIntern } from "./intern.ts";
import type { DecodedTraces } from "./span-draft.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

function decode(...spans: readonly object[]): DecodedTraces {
  return decodeJsonTraces({ resourceSpans: [{ scopeSpans: [{ spans }] }] }, createIntern());
}

function one(span: object): SpanRecord | undefined {
  return decode({ traceId: TRACE, spanId: SPAN, name: "x", ...span }).spans[0];
}

function readValue(value: unknown): AttributeValue | undefined {
  return one({ attributes: [{ key: "k", value }] })?.attributes.k;
}

describe("ids", () => {
  test("are hex in any letter case, and lower case inside", () => {
    const span = one({
      traceId: TRACE.toUpperCase(),
      spanId: SPAN.toUpperCase(),
      parentSpanId: "ABCDEF0123456789",
    });
    expect(span).toMatchObject({ traceId: TRACE, spanId: SPAN, parentSpanId: "abcdef0123456789" });
  });

  test("in base64 are refused by name instead of being read as something else", () => {
    const base64 = Buffer.from(TRACE, "hex").toString("base64");
    expect(() => one({ traceId: base64 })).toThrow(/traceId ".*" is base64; OTLP\/JSON writes ids as hex/);
    expect(() => one({ spanId: Buffer.from(SPAN, "hex").toString("base64") })).toThrow(/spanId .* is base64/);
  });

  test.each([
    ["an all-zero trace id", { traceId: "0".repeat(32) }],
    ["an all-zero span id", { spanId: "0".repeat(16) }],
    ["a missing trace id", { traceId: undefined }],
    ["a short span id", { spanId: "b7ad" }],
    ["a parent id that is not hex", { parentSpanId: "not-hex-not-hex-" }],
  ])("%s refuses that span and keeps its neighbour", (_what, wrong) => {
    const good = { traceId: TRACE, spanId: SPAN, name: "good" };
    const decoded = decode({ ...good, name: "bad", ...wrong }, good);
    expect(decoded.spans.map((span) => span.name)).toEqual(["good"]);
    expect(decoded.rejected).toBe(1);
    expect(decoded.problems[0]).toMatch(/^span "bad": .* hex digits/);
  });

  test("an empty or all-zero parent means a root", () => {
    expect(one({ parentSpanId: "" })).not.toHaveProperty("parentSpanId");
    expect(one({ parentSpanId: "0".repeat(16) })).not.toHaveProperty("parentSpanId");
  });

  test("a link that points nowhere counts as dropped", () => {
    const span = one({ links: [{ traceId: "0".repeat(32), spanId: SPAN }], droppedLinksCount: 2 });
    expect(span).toMatchObject({ links: [], droppedCount: 3 });
  });
});

describe("numbers and enums", () => {
  test("64-bit integers may be numbers or decimal strings", () => {
    expect(readValue({ intValue: 5 })).toBe(5);
    expect(readValue({ intValue: "-5" })).toBe(-5);
  });

  test("64-bit integers beyond 2^53 stay exact as decimal strings", () => {
    expect(readValue({ intValue: "9223372036854775807" })).toBe("9223372036854775807");
  });

  test("times may be strings, exact to the nanosecond, or numbers with a warning", () => {
    expect(one({ startTimeUnixNano: "1790000000123456789" })?.startUnixNano).toBe(1790000000123456789n);
    const lossy = decode({ traceId: TRACE, spanId: SPAN, startTimeUnixNano: 1790000000123456800 });
    expect(lossy.spans).toHaveLength(1);
    expect(lossy.problems[0]).toContain("lose nanoseconds");
  });

  test("enums may be numbers or names; an unknown number is internal", () => {
    expect(one({ kind: 2 })?.kind).toBe("server");
    expect(one({ kind: "SPAN_KIND_CLIENT" })?.kind).toBe("client");
    expect(one({ kind: 99 })?.kind).toBe("internal");
    expect(one({ status: { code: "STATUS_CODE_ERROR" } })?.status.code).toBe("error");
    expect(() => one({ kind: "CLIENT" })).toThrow(/kind holds "CLIENT", expected an integer or one of/);
  });

  test("NaN and the infinities survive as their names", () => {
    expect(readValue({ doubleValue: "NaN" })).toBe("NaN");
    expect(readValue({ doubleValue: "-Infinity" })).toBe("-Infinity");
    expect(readValue({ doubleValue: 1.5 })).toBe(1.5);
  });
});

describe("attribute values", () => {
  test("nest, and bytes stay base64", () => {
    expect(readValue({ bytesValue: "AQID" })).toBe("AQID");
    expect(
      readValue({
        kvlistValue: { values: [{ key: "a", value: { arrayValue: { values: [{ intValue: 1 }, {}] } } }] },
      }),
    ).toEqual({ a: [1, null] });
  });

  test("64 levels are read, more are refused", () => {
    const nested = (levels: number): object =>
      levels === 0 ? { intValue: 1 } : { arrayValue: { values: [nested(levels - 1)] } };
    expect(readValue(nested(64))).toBeDefined();
    expect(() => readValue(nested(65))).toThrow(/nested deeper than 64 levels/);
  });

  test("a key named __proto__ is a plain attribute and changes no prototype", () => {
    const text = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${TRACE}","spanId":"${SPAN}","attributes":[
      {"key":"__proto__","value":{"kvlistValue":{"values":[{"key":"polluted","value":{"boolValue":true}}]}}}]}]}]}]}`;
    const [span] = decodeJsonTraces(parseJsonBody(Buffer.from(text)), createIntern()).spans;
    expect(Object.keys(span?.attributes ?? {})).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(span?.attributes)).toBe(Object.prototype);
    expect("polluted" in {}).toBe(false);
  });
});

describe("the request", () => {
  test("unknown fields and null are ignored", () => {
    const decoded = decodeJsonTraces(
      {
        future: { a: 1 },
        resourceSpans: [
          {
            resource: null,
            scopeSpans: [{ scope: null, spans: [{ traceId: TRACE, spanId: SPAN, events: null, x: 1 }] }],
          },
        ],
      },
      createIntern(),
    );
    expect(decoded.spans).toHaveLength(1);
    expect(decoded.problems).toEqual([]);
  });

  test("snake_case is not OTLP/JSON, and the sender is told", () => {
    const decoded = decodeJsonTraces({ resource_spans: [{}] }, createIntern());
    expect(decoded).toMatchObject({ spans: [], rejected: 0 });
    expect(decoded.problems[0]).toContain("resourceSpans");
  });

  test("a byte order mark is tolerated", () => {
    expect(parseJsonBody(Buffer.from("\ufeff{}"))).toEqual({});
  });

  test.each([
    ["", "the body is empty"],
    ["{", "the body is not JSON"],
    ["[]", "expected an object"],
    ["null", "expected an object"],
  ])("%j is refused", (text, reason) => {
    expect(() => parseJsonBody(Buffer.from(text))).toThrow(reason);
  });

  test("a field of the wrong shape is named with its value", () => {
    expect(() => decodeJsonTraces({ resourceSpans: "x" }, createIntern())).toThrow(
      'throughline: the field resourceSpans holds "x", expected a list, as OTLP/JSON defines it',
    );
  });
});

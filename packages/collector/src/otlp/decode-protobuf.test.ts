import { describe, expect, test } from "vitest";
import { decodeProtobufTraces } from "./decode-protobuf.ts";
import { createIntern } from "./intern.ts";

// Written by hand, byte by byte: forms that no JavaScript exporter writes, but others do.

const bytes = (field: number, ...content: readonly (number | readonly number[])[]): number[] => {
  const inner = content.flat();
  const length = inner.length < 128 ? [inner.length] : [(inner.length & 0x7f) | 0x80, inner.length >> 7];
  const tag = field * 8 + 2;
  return [...(tag < 128 ? [tag] : [(tag & 0x7f) | 0x80, tag >> 7]), ...length, ...inner];
};
const text = (field: number, value: string): number[] => bytes(field, [...Buffer.from(value)]);
const TRACE = bytes(
  1,
  Array.from({ length: 16 }, (_, index) => index + 1),
);
const SPAN = bytes(
  2,
  Array.from({ length: 8 }, (_, index) => index + 1),
);
const RESOURCE = bytes(1, bytes(1, text(1, "service.name"), bytes(2, text(1, "shop"))));

const decode = (...parts: readonly (readonly number[])[]) =>
  decodeProtobufTraces(Uint8Array.from(parts.flat()), createIntern());
const request = (...span: readonly (readonly number[])[]): number[] =>
  bytes(1, RESOURCE, bytes(2, bytes(2, span.flat())));
const attribute = (...value: readonly number[]): number[] => bytes(9, text(1, "k"), bytes(2, value));
const readValue = (...value: readonly number[]) =>
  decode(request(TRACE, SPAN, attribute(...value))).spans[0]?.attributes.k;

describe("protobuf traces", () => {
  test("a resource that comes after its spans still belongs to them", () => {
    const spans = bytes(2, bytes(2, TRACE, SPAN), bytes(1, text(1, "late-scope")));
    const [span] = decode(bytes(1, spans, RESOURCE)).spans;
    expect(span).toMatchObject({ resource: { "service.name": "shop" }, scope: { name: "late-scope" } });
  });

  test("unknown fields of every wire type are stepped over", () => {
    const unknown = [
      ...[0xf8, 0x07, 0x96, 0x01], // field 127, varint
      ...[0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8], // fixed64
      ...text(127, "future"),
      ...[0xfd, 0x07, 1, 2, 3, 4], // fixed32
    ];
    expect(decode(unknown, request(unknown, TRACE, unknown, SPAN, unknown)).spans).toHaveLength(1);
  });

  test.each([
    ["a group", [0x0b, 0x0c]],
    ["field number 0", [0x02, 0x00]],
    ["a varint of eleven bytes", [0x08, ...Array(11).fill(0xff)]],
    ["a length beyond the body", [0x0a, 0x7f, 0x00]],
    ["text", [...Buffer.from("hello there")]],
  ])("%s after a good message refuses the request", (_what, garbage) => {
    expect(() => decode(request(TRACE, SPAN), garbage)).toThrow(
      /throughline: the protobuf body is malformed/,
    );
  });

  test("an empty body is an empty request", () => {
    expect(decode()).toEqual({ spans: [], rejected: 0, droppedBySender: 0, problems: [] });
  });

  test("negative and 64-bit integers are exact", () => {
    expect(readValue(0x18, ...Array(9).fill(0xff), 0x01)).toBe(-1);
    expect(readValue(0x18, ...Array(8).fill(0xff), 0x7f)).toBe("9223372036854775807");
    expect(readValue(0x18, ...Array(7).fill(0xff), 0x0f)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("bytes become base64, an empty value null, NaN its name", () => {
    expect(readValue(...bytes(7, [1, 2, 3]))).toBe("AQID");
    expect(readValue()).toBeNull();
    expect(readValue(0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)).toBe("NaN");
  });

  test("values nested deeper than 64 levels are refused", () => {
    const nested = (levels: number): number[] =>
      levels === 0 ? [0x18, 1] : bytes(5, bytes(1, nested(levels - 1)));
    expect(readValue(...nested(64))).toBeDefined();
    expect(() => readValue(...nested(65))).toThrow(/nested deeper than 64 levels/);
  });

  test("a span with an all-zero id is rejected alone", () => {
    const zero = bytes(1, Array(16).fill(0));
    const decoded = decode(request(zero, SPAN), request(TRACE, SPAN));
    expect(decoded.spans).toHaveLength(1);
    expect(decoded.rejected).toBe(1);
  });

  test("an attribute named __proto__ is a plain attribute", () => {
    const [span] = decode(request(TRACE, SPAN, bytes(9, text(1, "__proto__"), bytes(2, text(1, "x"))))).spans;
    expect(Object.entries(span?.attributes ?? {})).toEqual([["__proto__", "x"]]);
  });
});

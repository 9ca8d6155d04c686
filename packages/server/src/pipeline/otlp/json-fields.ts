// How a field of a message is read from JSON and written as protobuf: https://protobuf.dev/programming-guides/json/,
// with ids in hexadecimal digits: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
import {
  closeMessage,
  openMessage,
  type ProtobufWriter,
  writeBigInteger,
  writeBytes,
  writeDouble,
  writeFixed32,
  writeFixed64,
  writeHex,
  writeInteger,
  writeText,
  writeTime,
} from "./protobuf-writer.ts";

/**
 * Writes the field `number`; 0: an element of a packed list, which has no tag. `depth`: messages around it.
 * @throws BadField where the value is of another kind.
 */
export type FieldWriter = (w: ProtobufWriter, number: number, value: unknown, depth: number) => void;

/** By the names of JSON. */
export type Fields = Readonly<Record<string, readonly [number: number, write: FieldWriter]>>;

/** A value that its field does not take; `path` leads to it. */
export class BadField extends Error {
  path = "";

  inside(name: string): this {
    this.path = `${name}${this.path === "" || this.path.startsWith("[") ? "" : "."}${this.path}`;
    return this;
  }
}

/** Beyond it decoders of protobuf refuse: https://protobuf.dev/programming-guides/proto-limits/#depth */
const MOST_DEPTH = 100;

export function message(fields: Fields): FieldWriter {
  // The writer goes backwards, and readers expect rising numbers.
  const falling = Object.entries(fields)
    .map(([name, [number, write]]) => ({ name, number, write }))
    .sort((one, other) => other.number - one.number);
  return (w, number, value, depth) => {
    const given = objectOf(value, depth);
    const mark = openMessage(w);
    for (const field of falling) {
      const held = given[field.name];
      if (held !== undefined && held !== null) writeNamed(w, field, held, depth + 1);
    }
    if (number > 0) closeMessage(w, tagOf(number, BYTES), mark);
  };
}

/** A message of which one field at most may be given. */
export function oneOf(fields: Fields): FieldWriter {
  const byName = new Map(
    Object.entries(fields).map(([name, [number, write]]) => [name, { name, number, write }]),
  );
  return (w, number, value, depth) => {
    const given = objectOf(value, depth);
    const mark = openMessage(w);
    let first: string | undefined;
    for (const name of Object.keys(given)) {
      const field = byName.get(name);
      const held = given[name];
      if (!field || held === undefined || held === null) continue;
      if (first !== undefined) throw new BadField(`holds ${first} and ${name}, expected one of them`);
      first = name;
      writeNamed(w, field, held, depth + 1);
    }
    closeMessage(w, tagOf(number, BYTES), mark);
  };
}

function writeNamed(
  w: ProtobufWriter,
  { name, number, write }: { readonly name: string; readonly number: number; readonly write: FieldWriter },
  value: unknown,
  depth: number,
): void {
  try {
    write(w, number, value, depth);
  } catch (error) {
    throw error instanceof BadField ? error.inside(name) : error;
  }
}

export function list(write: FieldWriter): FieldWriter {
  return (w, number, value, depth) => {
    if (!Array.isArray(value)) throw wrong("a list", value);
    for (let at = value.length - 1; at >= 0; at--) {
      try {
        write(w, number, value[at], depth);
      } catch (error) {
        throw error instanceof BadField ? error.inside(`[${at}]`) : error;
      }
    }
  };
}

/** Numbers without a tag each. */
export function packed(write: FieldWriter): FieldWriter {
  const all = list(write);
  return (w, number, value, depth) => {
    const mark = openMessage(w);
    all(w, 0, value, depth);
    if (openMessage(w) > mark) closeMessage(w, tagOf(number, BYTES), mark);
  };
}

export const text: FieldWriter = (w, number, value) => {
  if (typeof value !== "string") throw wrong("a string", value);
  writeText(w, tagOf(number, BYTES), value);
};

/** An id of so many bytes; an empty one is none. */
export function id(bytes: number): FieldWriter {
  return (w, number, value) => {
    if (value === "") return;
    if (typeof value !== "string" || value.length !== 2 * bytes || !/^[\da-f]+$/i.test(value))
      throw wrong(`${2 * bytes} hexadecimal digits`, value);
    writeHex(w, tagOf(number, BYTES), value);
  };
}

/** With either alphabet, as protobuf's JSON allows. */
export const base64: FieldWriter = (w, number, value) => {
  if (typeof value !== "string" || !/^[\w+/-]*={0,2}$/.test(value)) throw wrong("base64", value);
  writeBytes(w, tagOf(number, BYTES), Buffer.from(value, "base64"));
};

export const bool: FieldWriter = (w, number, value) => {
  if (typeof value !== "boolean") throw wrong("true or false", value);
  writeInteger(w, tagOf(number, VARINT), value ? 1 : 0);
};

export const double: FieldWriter = (w, number, value) => writeDouble(w, tagOf(number, WIDE), doubleOf(value));

export const int64: FieldWriter = (w, number, value) => writeVarint(w, number, integerOf(value, INT64));

export const uint64: FieldWriter = (w, number, value) => writeVarint(w, number, integerOf(value, UINT64));

function writeVarint(w: ProtobufWriter, number: number, integer: number | bigint): void {
  if (typeof integer === "number") writeInteger(w, tagOf(number, VARINT), integer);
  else writeBigInteger(w, tagOf(number, VARINT), integer);
}

export const fixed64: FieldWriter = (w, number, value) => {
  // A time, as all but the counts of a histogram are: two numbers cost a third of one BigInt.
  if (typeof value === "string" && NANOS.test(value))
    writeTime(w, tagOf(number, WIDE), [Number(value.slice(0, -9)), Number(value.slice(-9))]);
  else writeFixed64(w, tagOf(number, WIDE), BigInt(integerOf(value, UINT64)));
};
/** Seconds below 2^32, as `writeTime` takes them. */
const NANOS = /^[1-3]?\d{10,18}$/;

export const sfixed64: FieldWriter = (w, number, value) =>
  writeFixed64(w, tagOf(number, WIDE), BigInt(integerOf(value, INT64)));

export const uint32: FieldWriter = (w, number, value) =>
  writeInteger(w, tagOf(number, VARINT), Number(integerOf(value, UINT32)));

export const fixed32: FieldWriter = (w, number, value) =>
  writeFixed32(w, tagOf(number, NARROW), Number(integerOf(value, UINT32)));

/** The sign in the last bit. */
export const sint32: FieldWriter = (w, number, value) => {
  const integer = Number(integerOf(value, INT32));
  writeInteger(w, tagOf(number, VARINT), integer < 0 ? -2 * integer - 1 : 2 * integer);
};

/** Its number, also one that is not known here, or its name. */
export function enumOf(prefix: string, names: readonly string[]): FieldWriter {
  const byName = new Map(names.map((name, index) => [prefix + name, index]));
  return (w, number, value) => {
    const named = typeof value === "string" ? byName.get(value) : undefined;
    if (named === undefined && typeof value === "string" && !/^-?\d+$/.test(value))
      throw wrong(`an integer or a name such as ${prefix}${names.at(-1)}`, value);
    writeInteger(w, tagOf(number, VARINT), named ?? Number(integerOf(value, INT32)));
  };
}

// https://protobuf.dev/programming-guides/encoding/#structure
const VARINT = 0;
const WIDE = 1;
const BYTES = 2;
const NARROW = 5;

function tagOf(number: number, wire: number): number {
  return number === 0 ? 0 : number * 8 + wire;
}

type Range = readonly [low: bigint, high: bigint];

const INT32: Range = [-(2n ** 31n), 2n ** 31n - 1n];
const UINT32: Range = [0n, 2n ** 32n - 1n];
const INT64: Range = [-(2n ** 63n), 2n ** 63n - 1n];
const UINT64: Range = [0n, 2n ** 64n - 1n];

/** As a number or as its decimal text; BigInt only where a number would not be exact. */
function integerOf(value: unknown, range: Range): number | bigint {
  const integer = exactOf(value);
  if (integer === undefined || integer < range[0] || integer > range[1])
    throw wrong(`an integer from ${range[0]} to ${range[1]}, or its decimal text`, value);
  return integer;
}

function exactOf(value: unknown): number | bigint | undefined {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return value;
    return Number.isInteger(value) ? BigInt(value) : undefined;
  }
  if (typeof value !== "string" || !/^-?\d{1,20}$/.test(value)) return undefined;
  return value.length <= 15 ? Number(value) : BigInt(value);
}

function doubleOf(value: unknown): number {
  if (typeof value === "number") return value;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
  if (Number.isNaN(number) && value !== "NaN") throw wrong("a number, or its decimal text", value);
  return number;
}

/** `null` in a list is an empty message. */
function objectOf(value: unknown, depth: number): Readonly<Record<string, unknown>> {
  if (depth >= MOST_DEPTH) throw new BadField(`is nested deeper than ${MOST_DEPTH} messages, expected less`);
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw wrong("an object", value);
  return value as Readonly<Record<string, unknown>>;
}

function wrong(expected: string, value: unknown): BadField {
  return new BadField(`holds ${shown(value)}, expected ${expected}`);
}

const MOST_SHOWN = 60;

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, MOST_SHOWN));
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

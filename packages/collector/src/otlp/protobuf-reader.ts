// The protobuf wire format: https://protobuf.dev/programming-guides/encoding/
import { DecodeError, exactInteger } from "./span-draft.ts";

/** Where a reader stands; `end` is the end of the innermost open message. */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
  end: number;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** The tag of a varint field. */
export const varint = (field: number): number => field * 8 + VARINT;
/** The tag of a string, bytes or message field. */
export const bytes = (field: number): number => field * 8 + LENGTH;
export const fixed64 = (field: number): number => field * 8 + FIXED64;
export const fixed32 = (field: number): number => field * 8 + FIXED32;

export function openCursor(message: Uint8Array): Cursor {
  const buffer = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  return { bytes: buffer, at: 0, end: buffer.length };
}

/** An unsigned varint; exact up to 2^53, which covers tags, lengths, enums and counts. */
export function readVarint(cursor: Cursor): number {
  let value = 0;
  let scale = 1;
  for (let length = 0; length < 10; length++) {
    const byte = readByte(cursor);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  throw new DecodeError(
    `the protobuf body is malformed: a number at byte ${cursor.at} has more than 10 bytes`,
  );
}

/** A signed 64-bit varint: a number where exact, else decimal text. */
export function readInt64(cursor: Cursor): number | string {
  const start = cursor.at;
  const value = readVarint(cursor);
  if (cursor.at - start <= 7) return value;
  let exact = 0n;
  for (let at = cursor.at - 1; at >= start; at--) {
    exact = (exact << 7n) | BigInt(cursor.bytes.readUInt8(at) & 0x7f);
  }
  return exactInteger(BigInt.asIntN(64, exact));
}

export function readFixed32(cursor: Cursor): number {
  return cursor.bytes.readUInt32LE(advance(cursor, 4));
}

export function readFixed64(cursor: Cursor): bigint {
  return cursor.bytes.readBigUInt64LE(advance(cursor, 8));
}

export function readDouble(cursor: Cursor): number {
  return cursor.bytes.readDoubleLE(advance(cursor, 8));
}

export function readText(cursor: Cursor): string {
  const length = readVarint(cursor);
  const start = advance(cursor, length);
  return cursor.bytes.toString("utf8", start, start + length);
}

/** Bytes as lower-case hex or as base64. */
export function readBytes(cursor: Cursor, encoding: "hex" | "base64"): string {
  const length = readVarint(cursor);
  const start = advance(cursor, length);
  return cursor.bytes.toString(encoding, start, start + length);
}

/** Runs `read` inside the message that starts here; it must consume everything up to `cursor.end`. */
export function readMessage<T>(cursor: Cursor, read: (cursor: Cursor) => T): T {
  const length = readVarint(cursor);
  const outer = cursor.end;
  const start = advance(cursor, length);
  cursor.at = start;
  cursor.end = start + length;
  const value = read(cursor);
  cursor.end = outer;
  return value;
}

/** Steps over a field this reader does not know, as forward compatibility asks. */
export function skipField(cursor: Cursor, tag: number): void {
  const wire = tag % 8;
  if (tag < 8) throw malformed(cursor, "field number 0");
  if (wire === VARINT) readVarint(cursor);
  else if (wire === FIXED64) advance(cursor, 8);
  else if (wire === LENGTH) advance(cursor, readVarint(cursor));
  else if (wire === FIXED32) advance(cursor, 4);
  else throw malformed(cursor, `wire type ${wire}`);
}

function readByte(cursor: Cursor): number {
  // Indexing is the fast way, and `advance` has checked the bounds.
  return cursor.bytes[advance(cursor, 1)] ?? 0;
}

function advance(cursor: Cursor, length: number): number {
  const start = cursor.at;
  if (start + length > cursor.end) {
    throw malformed(cursor, "a field longer than the message around it");
  }
  cursor.at = start + length;
  return start;
}

function malformed(cursor: Cursor, what: string): DecodeError {
  return new DecodeError(
    `the protobuf body is malformed: ${what} at byte ${cursor.at} of ${cursor.bytes.length}; it is cut off, or not an OTLP request`,
  );
}

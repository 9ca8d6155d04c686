import type { HrTime } from "@opentelemetry/api";

/**
 * Protobuf, written from its end to its beginning: the length of a message stands before it, and written this way it
 * is known when its turn comes. So each span is walked once, and nothing is measured first or moved later.
 * Fields are therefore written in falling order of their numbers. `tag`: field number · 8 + wire type.
 */
export interface ProtobufWriter {
  slab: Buffer;
  /** The next byte is written before this one. */
  start: number;
  /** Where the piece that is being written ends. */
  end: number;
}

/** Pieces are cut from slabs of this size, as an allocation a span would cost more than its encoding. */
const SLAB_BYTES = 64 * 1024;
/** Room for a tag and a length, or for a tag and a number. */
const FIELD_BYTES = 20;
/** Longest text that a loop writes faster than a call into Node does. */
const SHORT_TEXT = 40;
const TWO_TO_32 = 0x1_0000_0000;

export function createProtobufWriter(): ProtobufWriter {
  return { slab: Buffer.allocUnsafeSlow(SLAB_BYTES), start: SLAB_BYTES, end: SLAB_BYTES };
}

/** What was written since the last call. It stays as it is; the writer never touches it again. */
export function takePiece(w: ProtobufWriter): Uint8Array {
  // Buffer.subarray would make a Buffer, at twice the price.
  const piece = new Uint8Array(w.slab.buffer, w.start, w.end - w.start);
  w.end = w.start;
  if (w.slab.length === SLAB_BYTES) return piece;
  // Made for one large piece; what comes after it would keep all of it.
  Object.assign(w, createProtobufWriter());
  return piece.slice();
}

/** Where a message ends; {@link closeMessage} takes it. */
export function openMessage(w: ProtobufWriter): number {
  return w.end - w.start;
}

export function closeMessage(w: ProtobufWriter, tag: number, mark: number): void {
  reserve(w, FIELD_BYTES);
  writeTag(w, tag, w.end - w.start - mark);
}

export function writeText(w: ProtobufWriter, tag: number, value: string): void {
  const size = value.length;
  reserve(w, size + FIELD_BYTES);
  if (size <= SHORT_TEXT && copyAscii(w, value)) writeTag(w, tag, size);
  else writeLongText(w, tag, value);
}

/** Returns whether `value` was ASCII; if not, nothing was written. */
function copyAscii(w: ProtobufWriter, value: string): boolean {
  const { slab } = w;
  const from = w.start - value.length;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code > 0x7f) return false;
    slab[from + at] = code;
  }
  w.start = from;
  return true;
}

function writeLongText(w: ProtobufWriter, tag: number, value: string): void {
  const size = Buffer.byteLength(value);
  reserve(w, size + FIELD_BYTES);
  w.start -= size;
  // As many bytes as characters: all of it is ASCII, which latin1 copies without looking.
  w.slab.write(value, w.start, size, size === value.length ? "latin1" : "utf8");
  writeTag(w, tag, size);
}

/** `value` in hexadecimal digits, as bytes. */
export function writeHex(w: ProtobufWriter, tag: number, value: string): void {
  const size = value.length >> 1;
  reserve(w, size + FIELD_BYTES);
  w.start -= size;
  const { slab, start } = w;
  for (let at = 0; at < size; at++) {
    const high = DIGITS[value.charCodeAt(2 * at) & 0x7f] ?? 0;
    slab[start + at] = (high << 4) | (DIGITS[value.charCodeAt(2 * at + 1) & 0x7f] ?? 0);
  }
  writeTag(w, tag, size);
}

const DIGITS: Uint8Array = Uint8Array.from(
  { length: 128 },
  (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0,
);

export function writeBytes(w: ProtobufWriter, tag: number, value: Uint8Array): void {
  reserve(w, value.length + FIELD_BYTES);
  w.start -= value.length;
  w.slab.set(value, w.start);
  writeTag(w, tag, value.length);
}

/** A whole number up to 2^53 in size; a negative one takes ten bytes. `tag` 0: an element of a packed list. */
export function writeInteger(w: ProtobufWriter, tag: number, value: number): void {
  reserve(w, FIELD_BYTES);
  if (value >= 0) writeVarint(w, value);
  else writeWide(w, BigInt(value));
  if (tag > 0) writeVarint(w, tag);
}

/** A whole number of 64 bits, with its sign or without. */
export function writeBigInteger(w: ProtobufWriter, tag: number, value: bigint): void {
  reserve(w, FIELD_BYTES);
  writeWide(w, value);
  if (tag > 0) writeVarint(w, tag);
}

export function writeDouble(w: ProtobufWriter, tag: number, value: number): void {
  reserve(w, FIELD_BYTES);
  w.start -= 8;
  w.slab.writeDoubleLE(value, w.start);
  if (tag > 0) writeVarint(w, tag);
}

/** fixed64 or sfixed64. */
export function writeFixed64(w: ProtobufWriter, tag: number, value: bigint): void {
  reserve(w, FIELD_BYTES);
  w.start -= 8;
  w.slab.writeBigUInt64LE(BigInt.asUintN(64, value), w.start);
  if (tag > 0) writeVarint(w, tag);
}

/** Nanoseconds since the epoch, fixed64. */
export function writeTime(w: ProtobufWriter, tag: number, [seconds, nanos]: HrTime): void {
  reserve(w, FIELD_BYTES);
  // 1e9 is 1953125 · 2^9, and seconds · 1953125 stays below 2^53: no BigInt, and exact.
  const units = seconds * 1_953_125;
  const low = (units % 0x80_0000) * 0x200 + Math.trunc(nanos);
  const high = Math.floor(units / 0x80_0000) + Math.floor(low / TWO_TO_32);
  w.start -= 8;
  w.slab.writeUInt32LE(low % TWO_TO_32, w.start);
  w.slab.writeUInt32LE(high, w.start + 4);
  if (tag > 0) writeVarint(w, tag);
}

export function writeFixed32(w: ProtobufWriter, tag: number, value: number): void {
  reserve(w, FIELD_BYTES);
  w.start -= 4;
  w.slab.writeUInt32LE(value, w.start);
  writeVarint(w, tag);
}

function writeTag(w: ProtobufWriter, tag: number, size: number): void {
  writeVarint(w, size);
  writeVarint(w, tag);
}

function writeVarint(w: ProtobufWriter, value: number): void {
  if (value < 0x80) {
    w.start -= 1;
    w.slab[w.start] = value;
    return;
  }
  let size = 2;
  for (let rest = Math.floor(value / 0x4000); rest > 0; rest = Math.floor(rest / 0x80)) size += 1;
  w.start -= size;
  const last = w.start + size - 1;
  let rest = value;
  for (let at = w.start; at < last; at++) {
    w.slab[at] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  w.slab[last] = rest;
}

/** Two's complement of 64 bits, seven a byte. */
function writeWide(w: ProtobufWriter, value: bigint): void {
  const whole = BigInt.asUintN(64, value);
  let size = 1;
  for (let rest = whole >> 7n; rest > 0n; rest >>= 7n) size += 1;
  w.start -= size;
  const last = w.start + size - 1;
  let rest = whole;
  for (let at = w.start; at < last; at++) {
    w.slab[at] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  w.slab[last] = Number(rest);
}

function reserve(w: ProtobufWriter, size: number): void {
  if (w.start >= size) return;
  const used = w.end - w.start;
  const wider = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (used + size)));
  w.slab.copy(wider, wider.length - used, w.start, w.end);
  w.slab = wider;
  w.end = wider.length;
  w.start = wider.length - used;
}

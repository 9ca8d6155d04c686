import type { HrTime } from "@opentelemetry/api";

/**
 * Writes protobuf from its end to its beginning: the length of a message stands before it, and written this way it
 * is known when its turn comes. So each span is walked once, and nothing is measured first or moved later.
 * Fields are therefore written in falling order of their numbers.
 */
export interface ProtobufWriter {
  /** Where the next byte will end, counted from the end of the piece: the mark that {@link message} takes. */
  mark(): number;
  /** Closes what was written since `mark` as a message of field `tag`. */
  message(tag: number, mark: number): void;
  text(tag: number, value: string): void;
  /** `value` in hexadecimal digits, as bytes. */
  hex(tag: number, value: string): void;
  bytes(tag: number, value: Uint8Array): void;
  /** A whole number up to 2^53 in size; a negative one takes ten bytes. */
  integer(tag: number, value: number): void;
  double(tag: number, value: number): void;
  /** Nanoseconds since the epoch, fixed64. */
  time(tag: number, value: HrTime): void;
  fixed32(tag: number, value: number): void;
  /** What was written since the last call. It stays as it is; the writer never touches it again. */
  take(): Uint8Array;
}

/** Pieces are cut from slabs of this size, as an allocation a span would cost more than its encoding. */
const SLAB_BYTES = 64 * 1024;
/** Longest text that a loop writes faster than a call into Node does. */
const SHORT_TEXT = 40;
const TWO_TO_32 = 0x1_0000_0000;

export function createProtobufWriter(): ProtobufWriter {
  let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  let start = slab.length;
  let end = slab.length;

  const reserve = (size: number): void => {
    if (start >= size) return;
    const used = end - start;
    const wider = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (used + size)));
    slab.copy(wider, wider.length - used, start, end);
    slab = wider;
    end = wider.length;
    start = end - used;
  };

  const varint = (value: number): void => {
    if (value < 0x80) {
      slab[--start] = value;
      return;
    }
    let size = 2;
    for (let rest = Math.floor(value / 0x4000); rest > 0; rest = Math.floor(rest / 0x80)) size += 1;
    start -= size;
    let rest = value;
    for (let at = start; at < start + size - 1; at++) {
      slab[at] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    slab[start + size - 1] = rest;
  };

  const tagged = (tag: number, size: number): void => {
    varint(size);
    varint(tag);
  };

  const longText = (tag: number, value: string): void => {
    const size = Buffer.byteLength(value);
    reserve(size + 16);
    start -= size;
    // As many bytes as characters: all of it is ASCII, which latin1 copies without looking.
    slab.write(value, start, size, size === value.length ? "latin1" : "utf8");
    tagged(tag, size);
  };

  const pair = (low: number, high: number): void => {
    start -= 8;
    slab.writeUInt32LE(low, start);
    slab.writeUInt32LE(high, start + 4);
  };

  return {
    mark: () => end - start,
    message(tag, mark): void {
      reserve(16);
      tagged(tag, end - start - mark);
    },
    text(tag, value): void {
      const size = value.length;
      if (size > SHORT_TEXT) return longText(tag, value);
      reserve(size + 16);
      const from = start - size;
      for (let at = 0; at < size; at++) {
        const code = value.charCodeAt(at);
        if (code > 0x7f) return longText(tag, value);
        slab[from + at] = code;
      }
      start = from;
      tagged(tag, size);
    },
    hex(tag, value): void {
      const size = value.length >> 1;
      reserve(size + 16);
      start -= size;
      for (let at = 0; at < size; at++) {
        const high = DIGITS[value.charCodeAt(2 * at) & 0x7f] ?? 0;
        slab[start + at] = (high << 4) | (DIGITS[value.charCodeAt(2 * at + 1) & 0x7f] ?? 0);
      }
      tagged(tag, size);
    },
    bytes(tag, value): void {
      reserve(value.length + 16);
      start -= value.length;
      slab.set(value, start);
      tagged(tag, value.length);
    },
    integer(tag, value): void {
      reserve(20);
      if (value >= 0) varint(value);
      else negative(slab, (start -= 10), value);
      varint(tag);
    },
    double(tag, value): void {
      reserve(16);
      start -= 8;
      slab.writeDoubleLE(value, start);
      varint(tag);
    },
    time(tag, [seconds, nanos]): void {
      reserve(16);
      // 1e9 is 1953125 · 2^9, and seconds · 1953125 stays below 2^53: no BigInt, and exact.
      const units = seconds * 1_953_125;
      const high = Math.floor(units / 0x80_0000);
      const low = (units % 0x80_0000) * 0x200 + Math.trunc(nanos);
      pair(low % TWO_TO_32, high + Math.floor(low / TWO_TO_32));
      varint(tag);
    },
    fixed32(tag, value): void {
      reserve(16);
      start -= 4;
      slab.writeUInt32LE(value >>> 0, start);
      varint(tag);
    },
    take(): Uint8Array {
      // Buffer.subarray makes a Buffer, at twice the price.
      const piece = new Uint8Array(slab.buffer, start, end - start);
      end = start;
      return piece;
    },
  };
}

/** Two's complement of 64 bits in ten bytes of seven bits. */
function negative(slab: Uint8Array, at: number, value: number): void {
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let step = 0; step < 9; step++) {
    slab[at + step] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  slab[at + 9] = Number(rest);
}

const DIGITS = Uint8Array.from(
  { length: 128 },
  (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0,
);

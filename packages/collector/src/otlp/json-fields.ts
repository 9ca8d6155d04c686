import { DecodeError } from "./span-draft.ts";

/** A JSON object as parsed: nothing is known about its fields. */
export type JsonObject = { readonly [key: string]: unknown };

/** The field as an object; absent and `null` are an empty one. */
export function objectOf(value: unknown, name: string): JsonObject {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as JsonObject;
  throw wrong(name, "an object", value);
}

/** The field as a list of objects; absent and `null` are an empty one, and so is a `null` inside. */
export function listOf(value: unknown, name: string): readonly JsonObject[] {
  return arrayOf(value, name).map((item) => objectOf(item, name));
}

export function arrayOf(value: unknown, name: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw wrong(name, "a list", value);
}

export function textOf(value: unknown, name: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  throw wrong(name, "a string", value);
}

/** A 64-bit integer, as number or decimal text as OTLP/JSON allows. */
export function bigintOf(value: unknown, name: string): bigint {
  if (value === undefined || value === null) return 0n;
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  throw wrong(name, "an integer or its decimal text", value);
}

/** A 64-bit time; negative ones do not exist on the wire. */
export function timeOf(value: unknown, name: string): bigint {
  const time = bigintOf(value, name);
  if (time < 0n || time >= 1n << 64n) throw wrong(name, "nanoseconds since 1970", value);
  return time;
}

/** A 32-bit count or bit field. */
export function countOf(value: unknown, name: string): number {
  const count = Number(bigintOf(value, name));
  if (count >= 0 && count < 2 ** 32) return count;
  throw wrong(name, "an integer from 0 to 4294967295", value);
}

/** An enum as its number, or as the name that other protobuf JSON writers put there. */
export function enumOf(value: unknown, name: string, names: readonly string[]): number {
  if (typeof value !== "string" || /^-?\d+$/.test(value)) return Number(bigintOf(value, name));
  const index = names.indexOf(value);
  if (index >= 0) return index;
  throw wrong(name, `an integer or one of ${names.join(", ")}`, value);
}

/** An id in hex; base64 is what generic protobuf JSON writers produce, and is named as the mistake it is. */
export function idOf(value: unknown, name: string, byteLength: 8 | 16): string {
  const id = textOf(value, name);
  const base64Length = byteLength === 16 ? 24 : 12;
  const looksLikeBase64 = id.length === base64Length && /^[A-Za-z0-9+/_-]+={1,2}$/.test(id);
  if (!looksLikeBase64) return id;
  throw new DecodeError(
    `${name} ${JSON.stringify(id)} is base64; OTLP/JSON writes ids as hex. Use an OTLP exporter, or print the ${byteLength} bytes as ${byteLength * 2} hex digits`,
  );
}

export function wrong(name: string, expected: string, value: unknown): DecodeError {
  const shown = JSON.stringify(value)?.slice(0, 80) ?? typeof value;
  return new DecodeError(`the field ${name} holds ${shown}, expected ${expected}, as OTLP/JSON defines it`);
}

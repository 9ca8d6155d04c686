import type { AttributeValue } from "@throughline/core";
import type { Intern } from "./intern.ts";
import {
  bytes,
  type Cursor,
  fixed64,
  readBytes,
  readDouble,
  readInt64,
  readMessage,
  readText,
  readVarint,
  skipField,
  varint,
} from "./protobuf-reader.ts";
import { DecodeError, finiteOrName, MAX_DEPTH, setAttribute } from "./span-draft.ts";

/** Reads one `KeyValue` into `attributes`. */
export function readAttribute(
  cursor: Cursor,
  attributes: Record<string, AttributeValue>,
  intern: Intern,
  depth = 0,
): void {
  readMessage(cursor, () => {
    let key = "";
    let value: AttributeValue = null;
    while (cursor.at < cursor.end) {
      const tag = readVarint(cursor);
      if (tag === bytes(1)) key = intern(readText(cursor));
      else if (tag === bytes(2)) value = readMessage(cursor, () => readValue(cursor, intern, depth));
      else skipField(cursor, tag);
    }
    setAttribute(attributes, key, value);
  });
}

/** An `AnyValue`. */
export function readValue(cursor: Cursor, intern: Intern, depth: number): AttributeValue {
  if (depth > MAX_DEPTH) {
    throw new DecodeError(`an attribute value is nested deeper than ${MAX_DEPTH} levels; flatten it`);
  }
  let value: AttributeValue = null;
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === bytes(1)) value = readText(cursor);
    else if (tag === varint(2)) value = readVarint(cursor) !== 0;
    else if (tag === varint(3)) value = readInt64(cursor);
    else if (tag === fixed64(4)) value = finiteOrName(readDouble(cursor));
    else if (tag === bytes(7)) value = readBytes(cursor, "base64");
    else value = readContainer(cursor, tag, intern, depth + 1) ?? value;
  }
  return value;
}

function readContainer(
  cursor: Cursor,
  tag: number,
  intern: Intern,
  depth: number,
): AttributeValue | undefined {
  if (tag === bytes(5)) return readMessage(cursor, () => readArray(cursor, intern, depth));
  if (tag === bytes(6)) return readMessage(cursor, () => readMap(cursor, intern, depth));
  skipField(cursor, tag);
  return undefined;
}

function readArray(cursor: Cursor, intern: Intern, depth: number): AttributeValue {
  const values: AttributeValue[] = [];
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === bytes(1)) values.push(readMessage(cursor, () => readValue(cursor, intern, depth)));
    else skipField(cursor, tag);
  }
  return values;
}

function readMap(cursor: Cursor, intern: Intern, depth: number): AttributeValue {
  const values: Record<string, AttributeValue> = {};
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === bytes(1)) readAttribute(cursor, values, intern, depth);
    else skipField(cursor, tag);
  }
  return values;
}

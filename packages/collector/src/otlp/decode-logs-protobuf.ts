// Field numbers: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto
import type { Attributes, AttributeValue } from "@throughline/core";
import { findMessage, readAttributesOnly } from "./decode-protobuf.ts";
import type { Intern } from "./intern.ts";
import { addLog, type DecodedLogs, type LogDraft, openLog } from "./log-draft.ts";
import {
  bytes,
  type Cursor,
  fixed64,
  openCursor,
  readBytes,
  readFixed64,
  readMessage,
  readText,
  readVarint,
  skipField,
  varint,
} from "./protobuf-reader.ts";
import { readAttribute, readValue } from "./protobuf-values.ts";

/**
 * Reads an `ExportLogsServiceRequest`.
 * @throws DecodeError when the bytes are not one.
 */
export function decodeProtobufLogs(body: Uint8Array, intern: Intern): DecodedLogs {
  const decoded: DecodedLogs = { count: 0, lines: [] };
  const cursor = openCursor(body);
  eachMessage(cursor, bytes(1), () => readResourceLogs(cursor, decoded, intern));
  return decoded;
}

function readResourceLogs(cursor: Cursor, decoded: DecodedLogs, intern: Intern): void {
  // A resource may come after its lines on the wire, so the first look only finds it.
  const start = cursor.at;
  const resource = findMessage(cursor, bytes(1), () => readAttributesOnly(cursor, intern)) ?? {};
  cursor.at = start;
  eachMessage(cursor, bytes(2), () => readScopeLogs(cursor, decoded, resource, intern));
}

function readScopeLogs(cursor: Cursor, decoded: DecodedLogs, resource: Attributes, intern: Intern): void {
  eachMessage(cursor, bytes(2), () => addLog(decoded, readLog(cursor, intern), resource));
}

function eachMessage(cursor: Cursor, wanted: number, read: () => void): void {
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === wanted) readMessage(cursor, read);
    else skipField(cursor, tag);
  }
}

function readLog(cursor: Cursor, intern: Intern): LogDraft {
  const draft = openLog();
  const attributes: Record<string, AttributeValue> = {};
  draft.attributes = attributes;
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === bytes(5)) draft.body = readMessage(cursor, () => readValue(cursor, intern, 0));
    else if (tag === bytes(6)) readAttribute(cursor, attributes, intern);
    else readLogScalar(cursor, tag, draft, intern);
  }
  return draft;
}

function readLogScalar(cursor: Cursor, tag: number, draft: LogDraft, intern: Intern): void {
  switch (tag) {
    case fixed64(1):
      draft.timeUnixNano = readFixed64(cursor);
      return;
    case varint(2):
      draft.severityNumber = readVarint(cursor);
      return;
    case bytes(3):
      draft.severityText = intern(readText(cursor));
      return;
    case bytes(9):
      draft.traceId = readBytes(cursor, "hex");
      return;
    case bytes(10):
      draft.spanId = readBytes(cursor, "hex");
      return;
    case fixed64(11):
      draft.observedUnixNano = readFixed64(cursor);
      return;
    default:
      skipField(cursor, tag);
  }
}

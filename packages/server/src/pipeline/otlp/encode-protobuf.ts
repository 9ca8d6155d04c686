import type { Link } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { DROPPED_SPANS } from "@throughline/core/attributes";
import {
  closeMessage,
  createProtobufWriter,
  openMessage,
  type ProtobufWriter,
  takePiece,
  writeBytes,
  writeDouble,
  writeFixed32,
  writeHex,
  writeInteger,
  writeText,
  writeTime,
} from "./protobuf-writer.ts";
import { type EncodedSpan, flagsOf, groupSpans, type SpanEncoder, type SpanSource } from "./span-encoder.ts";

// Tags: field number · 8 + wire type. https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto
const RESOURCE_SPANS = 0x0a;
const RESOURCE = 0x0a;
const SCOPE_SPANS = 0x12;
const SCHEMA_URL = 0x1a;
const SCOPE = 0x0a;
const SPANS = 0x12;

/** OTLP as protobuf, in one pass over each span. */
export function createProtobufEncoder(): SpanEncoder {
  const spans = createProtobufWriter();
  return {
    contentType: "application/x-protobuf",
    encode(span): Uint8Array {
      // What a span left behind that threw half-way.
      spans.start = spans.end;
      writeSpan(spans, span);
      return takePiece(spans);
    },
    request: (batch, droppedSpans) => writeRequest(createProtobufWriter(), batch, droppedSpans),
  };
}

function writeRequest(w: ProtobufWriter, spans: readonly EncodedSpan[], droppedSpans: number): Uint8Array {
  const resources = [...groupSpans(spans)];
  // What was dropped must be told even when nothing is left to send.
  if (resources.length === 0) writeResourceSpans(w, undefined, [], droppedSpans);
  for (const [index, [resource, scopes]] of [...resources.entries()].toReversed()) {
    writeResourceSpans(w, resource, [...scopes], index === 0 ? droppedSpans : 0);
  }
  return takePiece(w);
}

function writeResourceSpans(
  w: ProtobufWriter,
  resource: SpanSource["resource"] | undefined,
  scopes: readonly (readonly [SpanSource["scope"], readonly Uint8Array[]])[],
  droppedSpans: number,
): void {
  const whole = openMessage(w);
  if (resource?.schemaUrl) writeText(w, SCHEMA_URL, resource.schemaUrl);
  for (const [scope, encoded] of scopes.toReversed()) {
    const mark = openMessage(w);
    if (scope.schemaUrl) writeText(w, SCHEMA_URL, scope.schemaUrl);
    for (const bytes of encoded.toReversed()) writeBytes(w, SPANS, bytes);
    writeScope(w, scope);
    closeMessage(w, SCOPE_SPANS, mark);
  }
  const mark = openMessage(w);
  if (droppedSpans > 0) writeKeyValue(w, 0x0a, DROPPED_SPANS, droppedSpans);
  writeAttributes(w, 0x0a, resource?.attributes ?? {});
  closeMessage(w, RESOURCE, mark);
  closeMessage(w, RESOURCE_SPANS, whole);
}

function writeScope(w: ProtobufWriter, scope: SpanSource["scope"]): void {
  const mark = openMessage(w);
  if (scope.version) writeText(w, 0x12, scope.version);
  writeText(w, 0x0a, scope.name);
  closeMessage(w, SCOPE, mark);
}

function writeSpan(w: ProtobufWriter, span: ReadableSpan): void {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const parent = span.parentSpanContext;
  writeFixed32(w, 0x85, flagsOf(traceFlags, parent?.isRemote));
  writeStatus(w, span.status);
  if (span.droppedLinksCount > 0) writeInteger(w, 0x70, span.droppedLinksCount);
  for (let at = span.links.length - 1; at >= 0; at--) writeLink(w, span.links[at]);
  if (span.droppedEventsCount > 0) writeInteger(w, 0x60, span.droppedEventsCount);
  for (let at = span.events.length - 1; at >= 0; at--) writeEvent(w, span.events[at]);
  if (span.droppedAttributesCount > 0) writeInteger(w, 0x50, span.droppedAttributesCount);
  writeAttributes(w, 0x4a, span.attributes);
  writeTime(w, 0x41, span.endTime);
  writeTime(w, 0x39, span.startTime);
  // The API counts kinds from INTERNAL = 0, the protocol keeps 0 for "not said".
  writeInteger(w, 0x30, span.kind + 1);
  writeText(w, 0x2a, span.name);
  if (parent?.spanId) writeHex(w, 0x22, parent.spanId);
  if (traceState) writeText(w, 0x1a, traceState.serialize());
  writeHex(w, 0x12, spanId);
  writeHex(w, 0x0a, traceId);
}

function writeStatus(w: ProtobufWriter, { code, message }: ReadableSpan["status"]): void {
  if (code === 0 && !message) return;
  const mark = openMessage(w);
  if (code !== 0) writeInteger(w, 0x18, code);
  if (message) writeText(w, 0x12, message);
  closeMessage(w, 0x7a, mark);
}

function writeEvent(w: ProtobufWriter, event: ReadableSpan["events"][number] | undefined): void {
  if (!event) return;
  const mark = openMessage(w);
  if (event.droppedAttributesCount) writeInteger(w, 0x20, event.droppedAttributesCount);
  if (event.attributes) writeAttributes(w, 0x1a, event.attributes);
  writeText(w, 0x12, event.name);
  writeTime(w, 0x09, event.time);
  closeMessage(w, 0x5a, mark);
}

function writeLink(w: ProtobufWriter, link: Link | undefined): void {
  if (!link) return;
  const { traceId, spanId, traceFlags, traceState, isRemote } = link.context;
  const mark = openMessage(w);
  writeFixed32(w, 0x35, flagsOf(traceFlags, isRemote));
  if (link.droppedAttributesCount) writeInteger(w, 0x28, link.droppedAttributesCount);
  if (link.attributes) writeAttributes(w, 0x22, link.attributes);
  if (traceState) writeText(w, 0x1a, traceState.serialize());
  writeHex(w, 0x12, spanId);
  writeHex(w, 0x0a, traceId);
  closeMessage(w, 0x6a, mark);
}

function writeAttributes(
  w: ProtobufWriter,
  tag: number,
  attributes: Readonly<Record<string, unknown>>,
): void {
  const keys = Object.keys(attributes);
  for (let at = keys.length - 1; at >= 0; at--) {
    const key = keys[at] as string;
    writeKeyValue(w, tag, key, attributes[key]);
  }
}

function writeKeyValue(w: ProtobufWriter, tag: number, key: string, value: unknown): void {
  const mark = openMessage(w);
  writeValue(w, 0x12, value);
  writeText(w, 0x0a, key);
  closeMessage(w, tag, mark);
}

function writeValue(w: ProtobufWriter, tag: number, value: unknown): void {
  const mark = openMessage(w);
  if (typeof value === "string") writeText(w, 0x0a, value);
  else if (typeof value === "boolean") writeInteger(w, 0x10, value ? 1 : 0);
  else if (typeof value === "number") writeNumber(w, value);
  else if (value instanceof Uint8Array) writeBytes(w, 0x3a, value);
  else if (Array.isArray(value)) writeList(w, value);
  else if (typeof value === "object" && value !== null) writeMap(w, value);
  closeMessage(w, tag, mark);
}

function writeNumber(w: ProtobufWriter, value: number): void {
  if (Number.isSafeInteger(value)) writeInteger(w, 0x18, value);
  else writeDouble(w, 0x21, value);
}

function writeList(w: ProtobufWriter, list: readonly unknown[]): void {
  const mark = openMessage(w);
  for (let at = list.length - 1; at >= 0; at--) writeValue(w, 0x0a, list[at]);
  closeMessage(w, 0x2a, mark);
}

function writeMap(w: ProtobufWriter, map: object): void {
  const mark = openMessage(w);
  writeAttributes(w, 0x0a, map as Readonly<Record<string, unknown>>);
  closeMessage(w, 0x32, mark);
}

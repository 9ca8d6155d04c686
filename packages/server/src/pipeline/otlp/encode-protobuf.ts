import type { Link } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { DROPPED_SPANS } from "@throughline/core/attributes";
import { createProtobufWriter, type ProtobufWriter } from "./protobuf-writer.ts";
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
      writeSpan(spans, span);
      return spans.take();
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
  return w.take();
}

function writeResourceSpans(
  w: ProtobufWriter,
  resource: SpanSource["resource"] | undefined,
  scopes: readonly (readonly [SpanSource["scope"], readonly Uint8Array[]])[],
  droppedSpans: number,
): void {
  const whole = w.mark();
  if (resource?.schemaUrl) w.text(SCHEMA_URL, resource.schemaUrl);
  for (const [scope, encoded] of scopes.toReversed()) {
    const mark = w.mark();
    if (scope.schemaUrl) w.text(SCHEMA_URL, scope.schemaUrl);
    for (const bytes of encoded.toReversed()) w.bytes(SPANS, bytes);
    writeScope(w, scope);
    w.message(SCOPE_SPANS, mark);
  }
  const mark = w.mark();
  if (droppedSpans > 0) writeKeyValue(w, 0x0a, DROPPED_SPANS, droppedSpans);
  writeAttributes(w, 0x0a, resource?.attributes ?? {});
  w.message(RESOURCE, mark);
  w.message(RESOURCE_SPANS, whole);
}

function writeScope(w: ProtobufWriter, scope: SpanSource["scope"]): void {
  const mark = w.mark();
  if (scope.version) w.text(0x12, scope.version);
  w.text(0x0a, scope.name);
  w.message(SCOPE, mark);
}

function writeSpan(w: ProtobufWriter, span: ReadableSpan): void {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const parent = span.parentSpanContext;
  w.fixed32(0x85, flagsOf(traceFlags, parent?.isRemote));
  writeStatus(w, span.status);
  if (span.droppedLinksCount > 0) w.integer(0x70, span.droppedLinksCount);
  for (let at = span.links.length - 1; at >= 0; at--) writeLink(w, span.links[at]);
  if (span.droppedEventsCount > 0) w.integer(0x60, span.droppedEventsCount);
  for (let at = span.events.length - 1; at >= 0; at--) writeEvent(w, span.events[at]);
  if (span.droppedAttributesCount > 0) w.integer(0x50, span.droppedAttributesCount);
  writeAttributes(w, 0x4a, span.attributes);
  w.time(0x41, span.endTime);
  w.time(0x39, span.startTime);
  // The API counts kinds from INTERNAL = 0, the protocol keeps 0 for "not said".
  w.integer(0x30, span.kind + 1);
  w.text(0x2a, span.name);
  if (parent?.spanId) w.hex(0x22, parent.spanId);
  if (traceState) w.text(0x1a, traceState.serialize());
  w.hex(0x12, spanId);
  w.hex(0x0a, traceId);
}

function writeStatus(w: ProtobufWriter, { code, message }: ReadableSpan["status"]): void {
  if (code === 0 && !message) return;
  const mark = w.mark();
  if (code !== 0) w.integer(0x18, code);
  if (message) w.text(0x12, message);
  w.message(0x7a, mark);
}

function writeEvent(w: ProtobufWriter, event: ReadableSpan["events"][number] | undefined): void {
  if (!event) return;
  const mark = w.mark();
  if (event.droppedAttributesCount) w.integer(0x20, event.droppedAttributesCount);
  if (event.attributes) writeAttributes(w, 0x1a, event.attributes);
  w.text(0x12, event.name);
  w.time(0x09, event.time);
  w.message(0x5a, mark);
}

function writeLink(w: ProtobufWriter, link: Link | undefined): void {
  if (!link) return;
  const { traceId, spanId, traceFlags, traceState, isRemote } = link.context;
  const mark = w.mark();
  w.fixed32(0x35, flagsOf(traceFlags, isRemote));
  if (link.droppedAttributesCount) w.integer(0x28, link.droppedAttributesCount);
  if (link.attributes) writeAttributes(w, 0x22, link.attributes);
  if (traceState) w.text(0x1a, traceState.serialize());
  w.hex(0x12, spanId);
  w.hex(0x0a, traceId);
  w.message(0x6a, mark);
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
  const mark = w.mark();
  writeValue(w, 0x12, value);
  w.text(0x0a, key);
  w.message(tag, mark);
}

function writeValue(w: ProtobufWriter, tag: number, value: unknown): void {
  const mark = w.mark();
  if (typeof value === "string") w.text(0x0a, value);
  else if (typeof value === "boolean") w.integer(0x10, value ? 1 : 0);
  else if (typeof value === "number") {
    if (Number.isSafeInteger(value)) w.integer(0x18, value);
    else w.double(0x21, value);
  } else if (typeof value === "object" && value !== null) writeComposite(w, value);
  w.message(tag, mark);
}

function writeComposite(w: ProtobufWriter, value: object): void {
  if (value instanceof Uint8Array) return w.bytes(0x3a, value);
  const mark = w.mark();
  if (Array.isArray(value)) {
    for (let at = value.length - 1; at >= 0; at--) writeValue(w, 0x0a, value[at]);
    return w.message(0x2a, mark);
  }
  writeAttributes(w, 0x0a, value as Readonly<Record<string, unknown>>);
  w.message(0x32, mark);
}

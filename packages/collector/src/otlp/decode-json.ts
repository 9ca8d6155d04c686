// OTLP/JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
import type { Attributes, AttributeValue, SpanEvent } from "@throughline/core";
import type { Intern } from "./intern.ts";
import {
  arrayOf,
  bigintOf,
  countOf,
  enumOf,
  idOf,
  type JsonObject,
  listOf,
  objectOf,
  textOf,
  timeOf,
  wrong,
} from "./json-fields.ts";
import {
  addLink,
  addProblem,
  addResource,
  addSpan,
  type DecodedTraces,
  DecodeError,
  exactInteger,
  finiteOrName,
  MAX_DEPTH,
  openSpan,
  type SpanDraft,
  scopeName,
  setAttribute,
} from "./span-draft.ts";

const KIND_NAMES = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map(
  (name) => `SPAN_KIND_${name}`,
);
const STATUS_NAMES = ["UNSET", "OK", "ERROR"].map((name) => `STATUS_CODE_${name}`);

/**
 * Parses the body of an OTLP/JSON request.
 * @throws DecodeError when it is not a JSON object.
 */
export function parseJsonBody(body: Uint8Array): JsonObject {
  // TextDecoder drops a byte order mark, which JSON.parse would refuse.
  const text = new TextDecoder().decode(body);
  if (text.trim() === "") throw new DecodeError("the body is empty; an OTLP/JSON request is at least {}");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DecodeError(
      `the body is not JSON (${reason}); send OTLP/JSON, or application/x-protobuf for binary`,
    );
  }
  if (parsed === null) throw wrong("(body)", "an object", parsed);
  return objectOf(parsed, "(body)");
}

/**
 * Reads an `ExportTraceServiceRequest` from parsed JSON.
 * @throws DecodeError when a field has the wrong shape.
 */
export function decodeJsonTraces(request: JsonObject, intern: Intern): DecodedTraces {
  const decoded: DecodedTraces = { spans: [], rejected: 0, droppedBySender: 0, problems: [] };
  if (request.resourceSpans === undefined && request.resource_spans !== undefined) {
    addProblem(
      decoded,
      "the field resource_spans is unknown and was ignored; OTLP/JSON writes resourceSpans",
    );
  }
  for (const resourceSpans of listOf(request.resourceSpans, "resourceSpans")) {
    const resource = attributesOf(objectOf(resourceSpans.resource, "resource"), intern);
    addResource(decoded, resource);
    for (const scopeSpans of listOf(resourceSpans.scopeSpans, "scopeSpans")) {
      const given = objectOf(scopeSpans.scope, "scope");
      const scope = scopeName(textOf(given.name, "scope.name"), textOf(given.version, "scope.version"));
      for (const span of listOf(scopeSpans.spans, "spans")) {
        addSpan(decoded, readSpan(span, decoded, intern), { resource, scope });
      }
    }
  }
  return decoded;
}

function readSpan(span: JsonObject, decoded: DecodedTraces, intern: Intern): SpanDraft {
  const draft = openSpan();
  draft.traceId = idOf(span.traceId, "traceId", 16);
  draft.spanId = idOf(span.spanId, "spanId", 8);
  draft.parentSpanId = idOf(span.parentSpanId, "parentSpanId", 8);
  draft.traceState = textOf(span.traceState, "traceState");
  draft.name = intern(textOf(span.name, "name"));
  draft.kind = enumOf(span.kind, "kind", KIND_NAMES);
  draft.startUnixNano = timeOf(span.startTimeUnixNano, "startTimeUnixNano");
  draft.endUnixNano = timeOf(span.endTimeUnixNano, "endTimeUnixNano");
  draft.attributes = attributesOf(span, intern);
  draft.flags = countOf(span.flags, "flags");
  draft.droppedCount =
    countOf(span.droppedAttributesCount, "droppedAttributesCount") +
    countOf(span.droppedEventsCount, "droppedEventsCount") +
    countOf(span.droppedLinksCount, "droppedLinksCount");
  const status = objectOf(span.status, "status");
  draft.statusCode = enumOf(status.code, "status.code", STATUS_NAMES);
  draft.statusMessage = textOf(status.message, "status.message");
  for (const event of listOf(span.events, "events")) draft.events.push(readEvent(event, intern));
  for (const link of listOf(span.links, "links")) readLink(link, draft, intern);
  if (isLossy(span.startTimeUnixNano) || isLossy(span.endTimeUnixNano)) {
    addProblem(decoded, "times as JSON numbers lose nanoseconds; write them as decimal strings");
  }
  return draft;
}

function readEvent(event: JsonObject, intern: Intern): SpanEvent {
  return {
    name: intern(textOf(event.name, "event.name")),
    timeUnixNano: timeOf(event.timeUnixNano, "event.timeUnixNano"),
    attributes: attributesOf(event, intern),
  };
}

function readLink(link: JsonObject, draft: SpanDraft, intern: Intern): void {
  addLink(draft, {
    traceId: idOf(link.traceId, "link.traceId", 16),
    spanId: idOf(link.spanId, "link.spanId", 8),
    attributes: attributesOf(link, intern),
  });
}

/** The attributes of anything that has some. */
export function attributesOf(holder: JsonObject, intern: Intern): Attributes {
  return readMap(listOf(holder.attributes, "attributes"), intern, 0);
}

function readMap(pairs: readonly JsonObject[], intern: Intern, depth: number): Attributes {
  const attributes: Record<string, AttributeValue> = {};
  for (const pair of pairs) {
    const key = intern(textOf(pair.key, "attribute.key"));
    setAttribute(attributes, key, readValue(objectOf(pair.value, "attribute.value"), intern, depth));
  }
  return attributes;
}

/** An `AnyValue`. */
export function readValue(value: JsonObject, intern: Intern, depth: number): AttributeValue {
  if (depth > MAX_DEPTH) {
    throw new DecodeError(`an attribute value is nested deeper than ${MAX_DEPTH} levels; flatten it`);
  }
  if (isGiven(value.stringValue)) return textOf(value.stringValue, "stringValue");
  if (isGiven(value.boolValue)) return booleanOf(value.boolValue);
  if (isGiven(value.intValue)) return exactInteger(bigintOf(value.intValue, "intValue"));
  if (isGiven(value.doubleValue)) return doubleOf(value.doubleValue);
  if (isGiven(value.bytesValue)) return bytesOf(value.bytesValue);
  if (isGiven(value.arrayValue)) {
    const { values } = objectOf(value.arrayValue, "arrayValue");
    return arrayOf(values, "arrayValue.values").map((item) =>
      readValue(objectOf(item, "arrayValue.values"), intern, depth + 1),
    );
  }
  if (isGiven(value.kvlistValue)) {
    const { values } = objectOf(value.kvlistValue, "kvlistValue");
    return readMap(listOf(values, "kvlistValue.values"), intern, depth + 1);
  }
  return null;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isLossy(value: unknown): boolean {
  return typeof value === "number" && !Number.isSafeInteger(value);
}

function booleanOf(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw wrong("boolValue", "true or false", value);
}

function doubleOf(value: unknown): number | string {
  if (typeof value === "number") return finiteOrName(value);
  const text = textOf(value, "doubleValue");
  if (text === "NaN" || text === "Infinity" || text === "-Infinity") return text;
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number)) return number;
  throw wrong("doubleValue", 'a number, "NaN", "Infinity" or "-Infinity"', value);
}

function bytesOf(value: unknown): string {
  const text = textOf(value, "bytesValue");
  if (/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return Buffer.from(text, "base64").toString("base64");
  throw wrong("bytesValue", "base64", value);
}

import type { HrTime, Link, SpanContext } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { DROPPED_SPANS } from "@throughline/core/attributes";
import { type EncodedSpan, flagsOf, groupSpans, type SpanEncoder, type SpanSource } from "./span-encoder.ts";

/** OTLP as JSON: ids in hex, enums as integers, 64-bit times as decimal texts; what is empty or zero is left out. */
export function createJsonEncoder(): SpanEncoder {
  return {
    contentType: "application/json",
    encode: (span) => Buffer.from(spanText(span)),
    request: writeRequest,
  };
}

function writeRequest(spans: readonly EncodedSpan[], droppedSpans: number): Uint8Array {
  const parts: (string | Uint8Array)[] = ['{"resourceSpans":['];
  const resources = [...groupSpans(spans)];
  // What was dropped must be told even when nothing is left to send.
  if (resources.length === 0) parts.push(`{"resource":${resourceText(undefined, droppedSpans)}}`);
  resources.forEach(([resource, scopes], index) => {
    parts.push(
      `${index > 0 ? "," : ""}{"resource":${resourceText(resource, index === 0 ? droppedSpans : 0)}`,
    );
    if (resource.schemaUrl) parts.push(`,"schemaUrl":${quoted(resource.schemaUrl)}`);
    parts.push(',"scopeSpans":[');
    [...scopes].forEach(([scope, encoded], place) => {
      if (place > 0) parts.push(",");
      writeScopeSpans(parts, scope, encoded);
    });
    parts.push("]}");
  });
  parts.push("]}");
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}

function resourceText(resource: SpanSource["resource"] | undefined, droppedSpans: number): string {
  const dropped = droppedSpans > 0 ? { [DROPPED_SPANS]: droppedSpans } : {};
  return `{"attributes":[${keyValues({ ...resource?.attributes, ...dropped })}]}`;
}

const COMMA = Buffer.from(",");

function writeScopeSpans(
  parts: (string | Uint8Array)[],
  scope: SpanSource["scope"],
  encoded: readonly Uint8Array[],
): void {
  const version = scope.version ? `,"version":${quoted(scope.version)}` : "";
  parts.push(`{"scope":{"name":${quoted(scope.name)}${version}}`);
  if (scope.schemaUrl) parts.push(`,"schemaUrl":${quoted(scope.schemaUrl)}`);
  parts.push(',"spans":[');
  encoded.forEach((bytes, index) => {
    if (index > 0) parts.push(COMMA);
    parts.push(bytes);
  });
  parts.push("]}");
}

/** Joined by hand: JSON.stringify needs an object for every value first, which costs four times as much. */
function spanText(span: ReadableSpan): string {
  const { droppedAttributesCount, droppedEventsCount, droppedLinksCount, status } = span;
  const parent = span.parentSpanContext;
  // The API counts kinds from INTERNAL = 0, the protocol keeps 0 for "not said".
  let text = `{${contextText(span.spanContext(), parent?.isRemote)},"name":${quoted(span.name)},"kind":${span.kind + 1}`;
  if (parent?.spanId) text += `,"parentSpanId":"${parent.spanId}"`;
  text += `,"startTimeUnixNano":"${nanos(span.startTime)}","endTimeUnixNano":"${nanos(span.endTime)}"`;
  text += attributesText(span.attributes, droppedAttributesCount);
  if (span.events.length > 0) text += `,"events":[${span.events.map(eventText).join(",")}]`;
  if (droppedEventsCount > 0) text += `,"droppedEventsCount":${droppedEventsCount}`;
  if (span.links.length > 0) text += `,"links":[${span.links.map(linkText).join(",")}]`;
  if (droppedLinksCount > 0) text += `,"droppedLinksCount":${droppedLinksCount}`;
  if (status.code === 0 && !status.message) return `${text}}`;
  const message = status.message ? `,"message":${quoted(status.message)}` : "";
  return `${text},"status":{"code":${status.code}${message}}}`;
}

function eventText(event: ReadableSpan["events"][number]): string {
  const attributes = attributesText(event.attributes, event.droppedAttributesCount);
  return `{"name":${quoted(event.name)},"timeUnixNano":"${nanos(event.time)}"${attributes}}`;
}

function linkText({ context, attributes, droppedAttributesCount }: Link): string {
  return `{${contextText(context, context.isRemote)}${attributesText(attributes, droppedAttributesCount)}}`;
}

function contextText(
  { traceId, spanId, traceState, traceFlags }: SpanContext,
  isRemote: boolean | undefined,
): string {
  const state = traceState ? `,"traceState":${quoted(traceState.serialize())}` : "";
  return `"traceId":"${traceId}","spanId":"${spanId}"${state},"flags":${flagsOf(traceFlags, isRemote)}`;
}

function attributesText(
  attributes: Readonly<Record<string, unknown>> | undefined,
  dropped: number | undefined,
): string {
  const list = attributes ? keyValues(attributes) : "";
  const count = dropped ? `,"droppedAttributesCount":${dropped}` : "";
  return list === "" ? count : `,"attributes":[${list}]${count}`;
}

function keyValues(attributes: Readonly<Record<string, unknown>>): string {
  let text = "";
  for (const key of Object.keys(attributes)) {
    text += `${text === "" ? "" : ","}{"key":${quoted(key)},"value":${valueText(attributes[key])}}`;
  }
  return text;
}

function valueText(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `{"stringValue":${quoted(value)}}`;
    case "boolean":
      return `{"boolValue":${value}}`;
    case "number":
      return numberText(value);
    default:
      return typeof value === "object" && value !== null ? compositeText(value) : "{}";
  }
}

function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return `{"intValue":${value}}`;
  // JSON has no NaN and no Infinity: https://protobuf.dev/programming-guides/json/
  return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`;
}

function compositeText(value: object): string {
  if (value instanceof Uint8Array) return `{"bytesValue":"${Buffer.from(value).toString("base64")}"}`;
  if (Array.isArray(value)) return `{"arrayValue":{"values":[${value.map(valueText).join(",")}]}}`;
  return `{"kvlistValue":{"values":[${keyValues(value as Readonly<Record<string, unknown>>)}]}}`;
}

// Quotes, backslashes, control characters, and surrogates, of which a lone one is no UTF-8.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what JSON does not take as they are
const NEEDS_ESCAPES = /["\\\u0000-\u001f\ud800-\udfff]/;

function quoted(text: string): string {
  return NEEDS_ESCAPES.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Nine digits of nanoseconds after the seconds: the same number as their sum, without BigInt. */
function nanos([seconds, rest]: HrTime): string {
  const below = Math.trunc(rest);
  if (seconds > 0 && below < 1e9) return `${seconds}${String(below).padStart(9, "0")}`;
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(below));
}

import type { HrTime, SpanContext } from "@opentelemetry/api";
import { scrub } from "@throughline/core";
import type { SpanData } from "../trace/span.ts";

// OTLP/JSON: ids in hex, enums as integers, 64-bit times as decimal texts.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

/** What is known of a span only after its end. */
export type LateData = Pick<SpanData, "attributes" | "events">;

/** A span as OTLP/JSON text, its URLs scrubbed wherever they are; empty lists and zero counts are left out, which means the same. */
export function writeSpan(span: SpanData, late?: LateData): string {
  return JSON.stringify({
    ...contextOf(span.spanContext(), span.parentSpanContext),
    parentSpanId: span.parentSpanContext?.spanId,
    name: scrub(span.name),
    // The API counts kinds from INTERNAL = 0, the protocol keeps 0 for "not said".
    kind: span.kind + 1,
    startTimeUnixNano: nanos(span.startTime),
    endTimeUnixNano: nanos(span.endTime),
    ...said(span, late?.attributes),
    events: some(
      [...span.events, ...(late?.events ?? [])].map((event) => ({
        name: scrub(event.name),
        timeUnixNano: nanos(event.time),
        ...said(event),
      })),
    ),
    droppedEventsCount: span.droppedEventsCount || undefined,
    links: some(
      span.links.map((link) => ({
        ...contextOf(link.context, link.context),
        ...said(link),
      })),
    ),
    droppedLinksCount: span.droppedLinksCount || undefined,
    status: { code: span.status.code, message: span.status.message && scrub(span.status.message) },
  });
}

function said(
  of: Partial<Pick<SpanData, "attributes" | "droppedAttributesCount">>,
  late?: LateData["attributes"],
): object {
  return {
    attributes: keyValues({ ...of.attributes, ...late }),
    droppedAttributesCount: of.droppedAttributesCount || undefined,
  };
}

export function writeScope(scope: SpanData["instrumentationScope"]): string {
  return JSON.stringify({ name: scope.name, version: scope.version });
}

export function writeResource(attributes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ attributes: keyValues(attributes) });
}

/** The body of one post: spans by scope, everything already written. */
export function writeRequest(resource: string, spansByScope: ReadonlyMap<string, readonly string[]>): string {
  const scopes = [...spansByScope].map(([scope, spans]) => `{"scope":${scope},"spans":[${spans.join(",")}]}`);
  return `{"resourceSpans":[{"resource":${resource},"scopeSpans":[${scopes.join(",")}]}]}`;
}

function keyValues(attributes: Readonly<Record<string, unknown>>): unknown {
  return some(Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) })));
}

function anyValue(value: unknown): unknown {
  // Whoever wrote it: an app's own span may carry the address of a page too.
  if (typeof value === "string") return { stringValue: scrub(value) };
  if (typeof value === "boolean") return { boolValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  if (typeof value !== "number") return {};
  if (Number.isSafeInteger(value)) return { intValue: value };
  // JSON has no NaN and no Infinity: https://protobuf.dev/programming-guides/json/
  return { doubleValue: Number.isFinite(value) ? value : String(value) };
}

function nanos([seconds, rest]: HrTime): string {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(Math.round(rest)));
}

function contextOf(
  { traceId, spanId, traceState, traceFlags }: SpanContext,
  remote: SpanContext | undefined,
) {
  // Bit 8: it is known whether the other side is remote; bit 9: it is.
  const flags = (traceFlags & 0xff) | 0x100 | (remote?.isRemote ? 0x200 : 0);
  return { traceId, spanId, traceState: traceState?.serialize(), flags };
}

function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}

/** Attribute values as OTLP allows them. 64-bit integers beyond 2^53 are decimal strings; bytes are base64. */
export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

export type Attributes = Readonly<Record<string, AttributeValue>>;

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

export type StatusCode = "unset" | "ok" | "error";

/** The one shape of a finished span, whatever wire it came by. `N` is how nanoseconds are held. */
export interface SpanShape<N> {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  /** Absent on a root. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** Nanoseconds since the Unix epoch. */
  readonly startUnixNano: N;
  readonly endUnixNano: N;
  readonly attributes: Attributes;
  readonly events: readonly SpanEventShape<N>[];
  readonly links: readonly SpanLink[];
  readonly status: { readonly code: StatusCode; readonly message?: string };
  readonly traceState?: string;
  /** Bits 0-7 are the W3C trace flags, bit 8 says whether bit 9 (parent is remote) is known. */
  readonly flags: number;
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version?: string };
  /** Attributes, events and links that the sender dropped, added up. */
  readonly droppedCount: number;
}

export interface SpanEventShape<N> {
  readonly name: string;
  readonly timeUnixNano: N;
  readonly attributes: Attributes;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

export type SpanRecord = SpanShape<bigint>;
export type SpanEvent = SpanEventShape<bigint>;

/** A {@link SpanRecord} that survives JSON: nanoseconds as decimal strings. */
export type SpanJson = SpanShape<string>;

export function spanToJson(span: SpanRecord): SpanJson {
  return {
    ...span,
    startUnixNano: span.startUnixNano.toString(),
    endUnixNano: span.endUnixNano.toString(),
    events: span.events.map((event) => ({ ...event, timeUnixNano: event.timeUnixNano.toString() })),
  };
}

export function spanFromJson(json: SpanJson): SpanRecord {
  return {
    ...json,
    startUnixNano: BigInt(json.startUnixNano),
    endUnixNano: BigInt(json.endUnixNano),
    events: json.events.map((event) => ({ ...event, timeUnixNano: BigInt(event.timeUnixNano) })),
  };
}

/** `service.name` of the span's resource, `unknown_service` without one. */
export function serviceOf(span: { readonly resource: Attributes }): string {
  const name = span.resource["service.name"];
  return typeof name === "string" && name !== "" ? name : "unknown_service";
}

import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";

/** The spans of one tracer of one process; OTLP says both once for all of them. */
export interface SpanSource {
  readonly resource: ReadableSpan["resource"];
  readonly scope: ReadableSpan["instrumentationScope"];
}

export interface EncodedSpan {
  readonly source: SpanSource;
  readonly bytes: Uint8Array;
}

/** One of the two OTLP encodings: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
export interface SpanEncoder {
  readonly contentType: string;
  encode(span: ReadableSpan): Uint8Array;
  /** An export request; `droppedSpans` above zero goes onto its first resource. */
  request(spans: readonly EncodedSpan[], droppedSpans: number): Uint8Array;
}

/** The spans by resource, then by scope, in the order in which each came first. */
export function groupSpans(
  spans: readonly EncodedSpan[],
): Map<SpanSource["resource"], Map<SpanSource["scope"], Uint8Array[]>> {
  const byResource = new Map<SpanSource["resource"], Map<SpanSource["scope"], Uint8Array[]>>();
  let last: SpanSource | undefined;
  let list: Uint8Array[] = [];
  for (const { source, bytes } of spans) {
    if (source !== last) {
      const byScope = entryOf(
        byResource,
        source.resource,
        () => new Map<SpanSource["scope"], Uint8Array[]>(),
      );
      list = entryOf(byScope, source.scope, () => []);
      last = source;
    }
    list.push(bytes);
  }
  return byResource;
}

/** Finds the one {@link SpanSource} of a span, which thousands of spans share. */
export function createSources(): (span: ReadableSpan) => SpanSource {
  const known = new WeakMap<object, WeakMap<object, SpanSource>>();
  // Most spans come from the same tracer as the one before.
  let last: SpanSource | undefined;
  return ({ resource, instrumentationScope: scope }) => {
    if (last?.resource === resource && last.scope === scope) return last;
    const byScope = entryOf(known, resource, () => new WeakMap<object, SpanSource>());
    last = entryOf(byScope, scope, () => ({ resource, scope }));
    return last;
  };
}

function entryOf<K, V>(
  map: { get(key: K): V | undefined; set(key: K, value: V): unknown },
  key: K,
  create: () => V,
): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const created = create();
  map.set(key, created);
  return created;
}

/** Bit 8: it is known whether the other side is remote; bit 9: it is. */
export function flagsOf(traceFlags: number, isRemote: boolean | undefined): number {
  return (traceFlags & 0xff) | 0x100 | (isRemote ? 0x200 : 0);
}

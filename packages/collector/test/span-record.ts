import type { SpanRecord } from "@throughline/core";

/** A span of the service `shop` that did nothing, but for what is given. */
export function spanRecord(more: Partial<SpanRecord> = {}): SpanRecord {
  return {
    traceId: "a".repeat(32),
    spanId: "b7ad6b7169203331",
    name: "work",
    kind: "internal",
    startUnixNano: 0n,
    endUnixNano: 1n,
    attributes: {},
    events: [],
    links: [],
    status: { code: "unset" },
    flags: 0,
    resource: { "service.name": "shop" },
    scope: { name: "test" },
    droppedCount: 0,
    ...more,
  };
}

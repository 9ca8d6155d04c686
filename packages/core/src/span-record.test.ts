import { expect, test } from "vitest";
import { type SpanRecord, serviceOf, spanFromJson, spanToJson } from "./span-record.ts";

test("nanoseconds survive JSON to the last digit", () => {
  const span: SpanRecord = {
    traceId: "t",
    spanId: "s",
    name: "n",
    kind: "internal",
    startUnixNano: 1_790_000_000_123_456_789n,
    endUnixNano: 1_790_000_000_123_456_790n,
    attributes: { list: [1, "two"] },
    events: [{ name: "e", timeUnixNano: 1_790_000_000_123_456_789n, attributes: {} }],
    links: [],
    status: { code: "unset" },
    flags: 257,
    resource: { "service.name": "shop" },
    scope: { name: "test" },
    droppedCount: 0,
  };
  expect(spanFromJson(JSON.parse(JSON.stringify(spanToJson(span))))).toEqual(span);
});

test("a resource without service.name is unknown_service", () => {
  expect(serviceOf({ resource: {} })).toBe("unknown_service");
});

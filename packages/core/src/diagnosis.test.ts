import { expect, test } from "vitest";
import { diagnose } from "./diagnosis.ts";
import type { Attributes, SpanKind, SpanRecord } from "./span-record.ts";
import { buildTraceTree } from "./trace-tree.ts";

function span(
  spanId: string,
  parentSpanId: string | undefined,
  kind: SpanKind,
  attributes: Attributes = {},
): SpanRecord {
  return {
    traceId: "t",
    spanId,
    ...(parentSpanId ? { parentSpanId } : {}),
    name: spanId,
    kind,
    startUnixNano: 0n,
    endUnixNano: 1n,
    attributes,
    events: [],
    links: [],
    status: { code: "unset" },
    flags: 1,
    resource: { "service.name": "shop" },
    scope: { name: "test" },
    droppedCount: 0,
  };
}

const codes = (...spans: readonly SpanRecord[]) =>
  diagnose(buildTraceTree(spans)).map((finding) => finding.code);
const request = (propagation: string) => ({
  "http.request.method": "POST",
  "url.full": "http://localhost:3000/api/orders",
  "throughline.propagation": propagation,
});

test("a connected trace has no findings", () => {
  expect(codes(span("a", undefined, "client", request("sent")), span("b", "a", "server"))).toEqual([]);
});

test("a server that begins with an INTERNAL span, as Next.js does behind proxy.ts, has joined", () => {
  const web = {
    ...span("a", undefined, "client", request("sent")),
    resource: { "service.name": "shop-web" },
  };
  expect(codes(web, span("proxy", "a", "internal"), span("page", "proxy", "server"))).toEqual([]);
});

test("a browser request that nobody continued names the browser → server hop", () => {
  const [finding] = diagnose(buildTraceTree([span("a", undefined, "client", request("sent"))]));
  expect(finding?.code).toBe("TL-P03");
  expect(finding?.message).toContain("browser → server: POST /api/orders");
});

test("a request without traceparent says why and what to do", () => {
  const [off] = diagnose(buildTraceTree([span("a", undefined, "client", request("off"))]));
  expect([off?.code, off?.severity]).toEqual(["TL-P02", "warning"]);
  const [foreign] = diagnose(buildTraceTree([span("a", undefined, "client", request("origin"))]));
  expect([foreign?.code, foreign?.severity]).toEqual(["TL-P02", "info"]);
  expect(foreign?.fix).toContain("propagateTo");
  const [early] = diagnose(buildTraceTree([span("a", undefined, "client", request("consent"))]));
  expect([early?.code, early?.severity, early?.cause]).toEqual([
    "TL-P02",
    "info",
    expect.stringMatching(/consent/),
  ]);
});

test("a server's own outbound call to an untraced service is no finding", () => {
  expect(codes(span("a", undefined, "client", { "http.request.method": "GET" }))).toEqual([]);
});

test("orphans, cycles, inferred parents and dropped data are named", () => {
  expect(codes(span("a", "gone", "server"))).toEqual(["TL-P01"]);
  expect(codes(span("a", "b", "internal"), span("b", "a", "internal"))).toEqual(["TL-P10"]);
  expect(codes(span("a", undefined, "internal", { "throughline.parent": "inferred" }))).toEqual(["TL-P12"]);
  expect(codes({ ...span("a", undefined, "internal"), droppedCount: 2 })).toEqual(["TL-P14"]);
});

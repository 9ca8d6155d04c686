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
  "http.response.status_code": 201,
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

/** What is said of one `fetch` that no server continued. */
function findingsOf(attributes: Attributes, events: readonly string[] = []) {
  const asked = span("a", undefined, "client", {
    ...request("sent"),
    "http.request.method": "GET",
    ...attributes,
  });
  const timed = { ...asked, events: events.map((name) => ({ name, timeUnixNano: 0n, attributes: {} })) };
  return diagnose(buildTraceTree([timed])).map(({ code, severity, cause }) => ({ code, severity, cause }));
}

test.each([
  ["/healthz"],
  ["/api/readyz/db"],
  ["/shop/api/livez"],
  ["/_next/static/chunks/a.js"],
  ["/shop/_next/image?url=a"],
  ["/favicon.ico"],
  ["/__nextjs_original-stack-frames"],
])("the server makes no span of %s on purpose: no finding, whatever it carried", (path) => {
  const at = { "url.full": `http://localhost:3000${path}`, "throughline.parent": "inferred" };
  expect(findingsOf(at)).toEqual([]);
  expect(findingsOf({ ...at, "http.request.method": "POST" })).toEqual([]);
  expect(findingsOf({ ...at, "throughline.propagation": "off" })).toEqual([]);
});

test("a page about health is missed where the browser tells the server that a page asks", () => {
  const at = (origin: string) => findingsOf({ "url.full": `${origin}/api/health` });
  expect(at("http://127.0.0.1:3000")).toMatchObject([{ code: "TL-P03", severity: "warning" }]);
  expect(at("https://shop.example")).toMatchObject([{ code: "TL-P03", severity: "warning" }]);
  expect(at("http://192.168.0.7:3000")).toEqual([]);
  expect(at("http://localhost.example")).toEqual([]);
});

test.each([["/data.json"], ["/i18n/de.JSON"], ["/a/logo.7z"], ["/shop/site.webmanifest?v=1"]])(
  "%s may be a file of public/, which is told and is no problem",
  (path) => {
    const at = { "url.full": `http://localhost:3000${path}` };
    const told = [{ code: "TL-P03", severity: "info", cause: expect.stringContaining("public/") }];
    expect(findingsOf(at)).toEqual(told);
    expect(findingsOf({ ...at, "http.request.method": "HEAD" })).toEqual(told);
    expect(findingsOf({ ...at, "http.request.method": "POST" })).toMatchObject([{ severity: "warning" }]);
  },
);

test.each([["/api/report.pdf"], ["/_next/data/build/orders.json"], ["/v1.2"], ["/a.b/orders"], ["/healthy"]])(
  "%s is no file and no noise: its server is missed",
  (path) => {
    expect(findingsOf({ "url.full": `http://localhost:3000${path}` })).toMatchObject([
      { severity: "warning" },
    ]);
  },
);

test("an answer out of the browser's cache or a service worker is no problem", () => {
  const body = { "http.response.body.size": 50 };
  expect(findingsOf(body, ["responseStart"])).toEqual([
    { code: "TL-P03", severity: "info", cause: expect.stringContaining("cache") },
  ]);
  // The first is what another origin may tell, the second an answer that came over the wire.
  expect(findingsOf(body)).toMatchObject([{ severity: "warning" }]);
  expect(findingsOf({ ...body, "http.response.size": 350 }, ["responseStart"])).toMatchObject([
    { severity: "warning" },
  ]);
});

test("a request that got no answer blames no server", () => {
  const { "http.response.status_code": _, ...unanswered } = request("sent");
  expect(diagnose(buildTraceTree([span("a", undefined, "client", unanswered)]))).toMatchObject([
    { code: "TL-P03", severity: "info", fix: expect.stringContaining("CORS") },
  ]);
});

test("the parent of an error is always inferred, which nobody can mend", () => {
  const named = (name: string) =>
    codes({ ...span("a", undefined, "internal", { "throughline.parent": "inferred" }), name });
  expect(named("uncaught error")).toEqual([]);
  expect(named("caught error")).toEqual([]);
  expect(named("checkout")).toEqual(["TL-P12"]);
});

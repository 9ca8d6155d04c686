import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { SpansEvent, TraceDocument, TraceList } from "@throughline/core";
import { beforeEach, describe, expect, test } from "vitest";
import { type Collector, type CollectorOptions, createCollector } from "./collector.ts";
import { createMemoryStore } from "./store/memory-store.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const JSON_TYPE = { "content-type": "application/json" };
const PROTOBUF_TYPE = { "content-type": "application/x-protobuf" };

const traces = (...spans: readonly object[]): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
        scopeSpans: [{ spans: spans.map((span) => ({ traceId: TRACE, spanId: SPAN, name: "x", ...span })) }],
      },
    ],
  });

let collector: Collector;
beforeEach(() => {
  collector = createCollector();
});

const request = (path: string, init: RequestInit = {}): Promise<Response> =>
  collector.handle(new Request(`http://localhost:4318${path}`, init));
const post = (body: BodyInit | null, headers: Record<string, string> = JSON_TYPE, path = "/v1/traces") =>
  request(path, { method: "POST", headers, body });
const stored = (): number => collector.store.stats().spans;
const restart = (options: CollectorOptions): void => {
  collector = createCollector(options);
};

describe("an export", () => {
  test("is answered 200 in its own encoding, and stored by then", async () => {
    const json = await post(traces({}), { "content-type": "application/json; charset=utf-8" });
    expect(stored()).toBe(1);
    expect([json.status, json.headers.get("content-type"), await json.text()]).toEqual([
      200,
      "application/json",
      "{}",
    ]);
    const protobuf = await post(new Uint8Array(0), PROTOBUF_TYPE);
    expect([protobuf.status, protobuf.headers.get("content-type"), await protobuf.text()]).toEqual([
      200,
      "application/x-protobuf",
      "",
    ]);
  });

  test("may be gzipped, and its path may end in a slash", async () => {
    const response = await post(
      gzipSync(traces({})),
      { ...JSON_TYPE, "content-encoding": "gzip" },
      "/v1/traces/",
    );
    expect(response.status).toBe(200);
    expect(stored()).toBe(1);
  });

  test("with one bad span succeeds in part, and says how many and why", async () => {
    const response = await post(traces({}, { spanId: "0".repeat(16), name: "bad" }));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      partialSuccess: {
        rejectedSpans: "1",
        errorMessage: expect.stringContaining('span "bad": span id "0000000000000000" is not 16 hex digits'),
      },
    });
    expect(stored()).toBe(1);
    expect(await (await request("/api/stats")).json()).toMatchObject({ spans: 1, rejectedSpans: 1 });
  });

  test("over a trace's limit of spans succeeds in part", async () => {
    restart({ store: createMemoryStore({ maxSpansPerTrace: 1 }) });
    const response = await post(traces({}, { spanId: "1".repeat(16) }));
    expect(await response.json()).toMatchObject({ partialSuccess: { rejectedSpans: "1" } });
  });

  test("of logs and metrics is counted, in both encodings", async () => {
    const logs = { resourceLogs: [{ scopeLogs: [{ logRecords: [{}, {}] }] }] };
    const metrics = {
      resourceMetrics: [
        { scopeMetrics: [{ metrics: [{ sum: { dataPoints: [{}, {}] } }, { gauge: { dataPoints: [{}] } }] }] },
      ],
    };
    expect((await post(JSON.stringify(logs), JSON_TYPE, "/v1/logs")).status).toBe(200);
    expect((await post(JSON.stringify(metrics), JSON_TYPE, "/v1/metrics")).status).toBe(200);
    const logBytes = Uint8Array.from([0x0a, 4, 0x12, 2, 0x12, 0]);
    const metricBytes = Uint8Array.from([0x0a, 8, 0x12, 6, 0x12, 4, 0x3a, 2, 0x0a, 0]);
    expect((await post(logBytes, PROTOBUF_TYPE, "/v1/logs")).status).toBe(200);
    expect((await post(metricBytes, PROTOBUF_TYPE, "/v1/metrics")).status).toBe(200);
    expect(await (await request("/api/stats")).json()).toMatchObject({ logRecords: 3, metricPoints: 4 });
  });
});

describe("a bad export", () => {
  test.each([
    ["malformed JSON", 400, "{", JSON_TYPE, 3],
    ["a broken gzip body", 400, "not gzip", { ...JSON_TYPE, "content-encoding": "gzip" }, 3],
    [
      "a gzip body cut short",
      400,
      gzipSync(traces({})).subarray(0, 40),
      { ...JSON_TYPE, "content-encoding": "gzip" },
      3,
    ],
    ["an unknown content encoding", 415, "{}", { ...JSON_TYPE, "content-encoding": "br" }, 3],
    ["a wrong content type", 415, "{}", { "content-type": "text/plain" }, 3],
    ["base64 ids", 400, traces({ traceId: "CvdlGRbNQ92ESOshHIAxnA==" }), JSON_TYPE, 3],
  ] as const)(
    "%s answers %i with a Status, and loses nothing that came before",
    async (_what, status, body, headers, code) => {
      await post(traces({}));
      const response = await post(body, headers);
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(await response.json()).toEqual({ code, message: expect.stringMatching(/^throughline: /) });
      expect(stored()).toBe(1);
    },
  );

  test("in protobuf gets its Status in protobuf", async () => {
    const response = await post(Uint8Array.from([0xff]), PROTOBUF_TYPE);
    const body = Buffer.from(await response.arrayBuffer());
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/x-protobuf"]);
    expect([...body.subarray(0, 3)]).toEqual([0x08, 3, 0x12]);
    expect(body.toString("utf8")).toContain("throughline: the protobuf body is malformed");
  });

  test("with another method is refused with the ones that work", async () => {
    const response = await request("/v1/traces");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
  });

  test("to an unknown signal is 404", async () => {
    expect((await post("{}", JSON_TYPE, "/v1/profiles")).status).toBe(404);
  });

  test("is retryable only when the store failed", async () => {
    const store = createMemoryStore();
    restart({
      store: {
        ...store,
        upsert() {
          throw new Error("disk full");
        },
      },
    });
    const response = await post(traces({}));
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await response.json()).toMatchObject({ code: 14, message: expect.stringContaining("disk full") });
  });
});

describe("the size limit", () => {
  const TEN_MIB = 10 * 1024 * 1024;
  const large = (): string => traces({ name: randomBytes(TEN_MIB / 2).toString("hex") });

  test("lets ten MiB pass by default", async () => {
    expect((await post(large())).status).toBe(200);
    expect((await post(gzipSync(large()), { ...JSON_TYPE, "content-encoding": "gzip" })).status).toBe(200);
  });

  test("is 413 below that, and counts after decompression", async () => {
    restart({ maxBodyBytes: 1024 * 1024 });
    const plain = await post(large());
    expect(plain.status).toBe(413);
    expect(await plain.json()).toMatchObject({
      code: 8,
      message: expect.stringContaining("larger than 1048576 bytes"),
    });
    const bomb = gzipSync(traces({ name: "x".repeat(TEN_MIB) }));
    expect(bomb.length).toBeLessThan(20_000);
    expect((await post(bomb, { ...JSON_TYPE, "content-encoding": "gzip" })).status).toBe(413);
    expect(stored()).toBe(0);
  });

  test("is 413 at once when the sender announces more", async () => {
    const response = await post("{}", { ...JSON_TYPE, "content-length": String(65 * 1024 * 1024) });
    expect(response.status).toBe(413);
  });
});

describe("the host rule", () => {
  const ask = (host: string, path: string) => collector.handle(new Request(`http://${host}${path}`));

  test.each(["localhost:4318", "127.0.0.1:9", "[::1]:4318"])("answers to %s", async (host) => {
    expect((await ask(host, "/api/stats")).status).toBe(200);
  });

  test.each(["/", "/api/traces", "/api/stream", "/assets/viewer.js", `/trace/${TRACE}`, "/v1/traces"])(
    "refuses a foreign name on %s",
    async (path) => {
      const response = await ask("rebound.example:4318", path);
      expect(response.status).toBe(421);
      expect(await response.text()).toContain("does not answer to the host rebound.example");
    },
  );

  test("answers to names that were allowed", async () => {
    restart({ allowedHosts: ["collector"] });
    expect((await ask("collector:4318", "/api/stats")).status).toBe(200);
  });
});

describe("another origin's page", () => {
  const foreign = { origin: "https://evil.example" };

  test.each([
    ["its origin", foreign],
    ["another port of this machine", { origin: "http://localhost:3000" }],
    ["Sec-Fetch-Site", { "sec-fetch-site": "cross-site" }],
  ])("may not read or delete traces, known by %s", async (_what, headers) => {
    await post(traces({}));
    for (const [path, method] of [
      ["/api/traces", "GET"],
      ["/api/stream", "GET"],
      ["/api/traces", "DELETE"],
    ] as const) {
      const response = await request(path, { method, headers });
      expect(response.status).toBe(403);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
    expect(stored()).toBe(1);
  });

  test("may send spans from loopback, and sees errors too", async () => {
    const origin = "http://localhost:3000";
    for (const body of [traces({}), "{"]) {
      const response = await post(body, { ...JSON_TYPE, origin });
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
      expect(response.headers.get("vary")).toBe("Origin");
    }
  });

  test("may not send spans from elsewhere", async () => {
    const response = await post(traces({}), { ...JSON_TYPE, ...foreign });
    expect(response.status).toBe(403);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    expect(stored()).toBe(0);
  });

  test("may send spans when its exact origin was allowed", async () => {
    restart({ allowedOrigins: ["https://shop.example"] });
    expect((await post(traces({}), { ...JSON_TYPE, origin: "https://shop.example" })).status).toBe(200);
    expect((await post(traces({}), { ...JSON_TYPE, origin: "https://shop.example.evil.test" })).status).toBe(
      403,
    );
  });

  test("gets its preflight answered", async () => {
    const preflight = (origin: string) => request("/v1/traces", { method: "OPTIONS", headers: { origin } });
    const allowed = await preflight("http://localhost:3000");
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("http://localhost:3000");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("content-type");
    const refused = await preflight("https://evil.example");
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  });
});

describe("the query API", () => {
  test("lists traces and tells everything about one", async () => {
    await post(
      traces(
        {
          name: "POST /api/orders",
          kind: 2,
          startTimeUnixNano: "1790000000000000000",
          endTimeUnixNano: "1790000000005000000",
        },
        {
          spanId: "1".repeat(16),
          parentSpanId: SPAN,
          startTimeUnixNano: "1790000000001250000",
          endTimeUnixNano: "1790000000002000000",
        },
        {
          spanId: "2".repeat(16),
          parentSpanId: "9".repeat(16),
          startTimeUnixNano: "1790000000003000000",
          endTimeUnixNano: "1790000000003000000",
        },
      ),
    );
    const list = (await (await request("/api/traces?service=shop")).json()) as TraceList;
    expect(list.traces).toMatchObject([
      { traceId: TRACE, name: "POST /api/orders", spanCount: 3, durationMs: 5, problemCount: 1 },
    ]);
    const document = (await (await request(`/api/traces/${TRACE.toUpperCase()}`)).json()) as TraceDocument;
    expect(document.summary).toEqual(list.traces[0]);
    expect(document.rows).toMatchObject([
      { spanId: SPAN, depth: 0, offsetMs: 0, durationMs: 5, childCount: 1, orphan: false },
      { spanId: "1".repeat(16), depth: 1, offsetMs: 1.25, durationMs: 0.75, childCount: 0, orphan: false },
      { spanId: "2".repeat(16), depth: 0, orphan: true },
    ]);
    expect(document.spans[0]).toMatchObject({ spanId: SPAN, startUnixNano: "1790000000000000000" });
    expect(document.findings.map(({ code }) => code)).toEqual(["TL-P01"]);
  });

  test("clears", async () => {
    await post(traces({}));
    expect((await request("/api/traces", { method: "DELETE" })).status).toBe(204);
    expect(await (await request("/api/traces")).json()).toEqual({ traces: [] });
  });

  test.each([
    [`/api/traces/${"e".repeat(32)}`, "GET", 404, "not_found"],
    ["/api/nothing", "GET", 404, "not_found"],
    ["/api/traces?limit=0", "GET", 400, "bad_request"],
    ["/api/stats", "POST", 405, "method_not_allowed"],
    ["/nothing", "GET", 404, "not_found"],
    ["/assets/../collector.js", "GET", 404, "not_found"],
    ["/assets/%2e%2e%2fcollector.js", "GET", 404, "not_found"],
  ])("%s %s is %i", async (path, method, status, code) => {
    const response = await request(path, { method });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ code, message: expect.stringMatching(/^throughline: /) });
  });
});

describe("the stream", () => {
  test("says hello, then tells of spans that can already be read", async () => {
    const response = await request("/api/stream");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe(": hello\n\n");
    await post(traces({}, { spanId: "1".repeat(16) }));
    const event: SpansEvent = { traceIds: [TRACE], spanCount: 2 };
    expect((await reader?.read())?.value).toBe(`event: spans\ndata: ${JSON.stringify(event)}\n\n`);
    expect(collector.store.getTrace(TRACE)).toHaveLength(2);
    collector.close();
    expect((await reader?.read())?.done).toBe(true);
  });
});

describe("the viewer", () => {
  test("is served under a policy that runs no inline script, on / and on every trace's address", async () => {
    restart({ viewerDirectory: new URL("./viewer/", import.meta.url).pathname });
    for (const path of ["/", `/trace/${TRACE}`]) {
      const response = await request(path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'self';/);
      expect(await response.text()).toContain("/assets/viewer.js");
    }
    expect((await request("/assets/mark.svg")).headers.get("content-type")).toBe("image/svg+xml");
  });

  test("that was not built says so, without failing anything else", async () => {
    restart({ viewerDirectory: "/nonexistent" });
    expect((await request("/")).status).toBe(503);
    expect((await post(traces({}))).status).toBe(200);
  });
});

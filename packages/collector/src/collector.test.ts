import type { SpansEvent, TraceDocument, TraceList } from "@throughline/core";
import { beforeEach, describe, expect, test } from "vitest";
import {
  collector,
  JSON_TYPE,
  post,
  request,
  restart,
  SPAN,
  stored,
  TRACE,
  traces,
} from "../test/posting.ts";
import { MAX_LISTED } from "./viewer/collector-api.ts";

beforeEach(() => restart());

describe("the host rule", () => {
  const ask = (host: string, path: string) => collector().handle(new Request(`http://${host}${path}`));

  test.each(["localhost:4318", "127.0.0.1:9", "[::1]:4318"])("answers to %s", async (host) => {
    expect((await ask(host, "/api/stats")).status).toBe(200);
  });

  test.each(["/", "/api/traces", "/api/stream", "/assets/viewer.js", `/trace/${TRACE}`, "/v1/traces"])(
    "refuses a foreign name on %s",
    async (path) => {
      const response = await ask("rebound.example:4318", path);
      expect(response.status).toBe(421);
      const text = await response.text();
      expect(text).toContain("does not answer to the host rebound.example");
      expect(text).toContain("THROUGHLINE_COLLECTOR_ALLOWED_HOSTS=rebound.example");
    },
  );

  test("answers to names that were allowed, in any letter case", async () => {
    restart({ allowedHosts: ["collector", "Janes-Mac.local"] });
    for (const host of ["collector:4318", "COLLECTOR:4318", "janes-mac.local"])
      expect((await ask(host, "/api/stats")).status).toBe(200);
  });

  test.each(["collector:4318", "http://collector", "a/b", "::1"])("refuses %s as a name to allow", (name) => {
    expect(() => restart({ allowedHosts: [name] })).toThrow(
      `expected a host name such as "collector.internal", got "${name}"`,
    );
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

  test("names the spans that a trace has links to, as far as they are stored", async () => {
    const job = { traceId: "1".repeat(32), spanId: "1".repeat(16) };
    const gone = { traceId: "2".repeat(32), spanId: "2".repeat(16) };
    await post(
      traces(
        { name: "publish emails", kind: 4 },
        { spanId: "3".repeat(16), name: "another" },
        { ...job, links: [{ traceId: TRACE, spanId: SPAN }, gone] },
      ),
    );
    const read = async (traceId: string) =>
      ((await (await request(`/api/traces/${traceId}`)).json()) as TraceDocument).linkTargets;
    expect(await read(job.traceId)).toEqual([
      { traceId: TRACE, spanId: SPAN, label: "publish emails", service: "shop" },
    ]);
    expect(await read(TRACE)).toBeUndefined();
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
    ["/api/traces?minMs=soon", "GET", 400, "bad_request"],
    [`/api/traces?limit=${MAX_LISTED + 1}`, "GET", 400, "bad_request"],
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
  test("says hello, then tells of spans and lines that can already be read", async () => {
    const response = await request("/api/stream");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe(": hello\n\n");
    await post(traces({}, { spanId: "1".repeat(16) }));
    const event: SpansEvent = { traceIds: [TRACE], spanCount: 2 };
    expect((await reader?.read())?.value).toBe(`event: spans\ndata: ${JSON.stringify(event)}\n\n`);
    expect(collector().store.getTrace(TRACE)).toHaveLength(2);
    const logRecords = [{ traceId: TRACE }, { body: { stringValue: "outside" } }];
    await post(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }), JSON_TYPE, "/v1/logs");
    const logged: SpansEvent = { traceIds: [TRACE], spanCount: 0 };
    expect((await reader?.read())?.value).toBe(`event: spans\ndata: ${JSON.stringify(logged)}\n\n`);
    collector().close();
    expect((await reader?.read())?.done).toBe(true);
  });
});

describe("the viewer", () => {
  test("is served under a policy that runs no inline script, on / and on every trace's address", async () => {
    restart({ viewerDirectory: new URL("./viewer/", import.meta.url).pathname });
    for (const path of ["/", `/trace/${TRACE}`, `/trace/${TRACE}/`, "/trace/4bf9"]) {
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

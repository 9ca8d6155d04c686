import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import { JSON_TYPE, post, request, restart, stored, traces } from "../../test/posting.ts";
import { createMemoryStore } from "../store/memory-store.ts";

const PROTOBUF_TYPE = { "content-type": "application/x-protobuf" };

beforeEach(() => restart());

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

  test("that tells of spans its sender has dropped is counted, even if it holds no other", async () => {
    const attributes = [{ key: "throughline.dropped_spans", value: { intValue: "12" } }];
    const told = { resourceSpans: [{ resource: { attributes } }] };
    expect((await post(JSON.stringify(told))).status).toBe(200);
    expect((await post(JSON.stringify(told))).status).toBe(200);
    expect(await (await request("/api/stats")).json()).toMatchObject({ spans: 0, droppedBySenders: 24 });
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
      message: expect.stringContaining("larger than 1 MiB"),
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

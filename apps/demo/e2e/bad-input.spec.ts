import { gzipSync } from "node:zlib";
import { expect, test } from "@throughline/playwright";
import { awaitTrace, newTraceparent } from "./trace-reading.ts";

const collector = process.env.THROUGHLINE_COLLECTOR_URL ?? "";
const shop = process.env.E2E_SHOP_URL ?? "";
const JSON_TYPE = { "content-type": "application/json" };
const TEN_MIB = 10 * 1024 * 1024;

/** A request that holds one span, as any OTLP/JSON sender writes it. */
function exportRequest(traceId: string, spanId: string, name: string): string {
  const time = `${BigInt(Date.now()) * 1_000_000n}`;
  const span = { traceId, spanId, name, kind: 1, startTimeUnixNano: time, endTimeUnixNano: time };
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "bad-input" } }] };
  return JSON.stringify({
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "test" }, spans: [span] }] }],
  });
}

/** A well-formed request of more than this many bytes. */
function largeRequest(bytes: number): string {
  const { traceId, spanId } = newTraceparent();
  return exportRequest(traceId, spanId, "x".repeat(bytes));
}

for (const [name, target, accepted] of [
  ["collector", `${collector}/v1/traces`, 200],
  ["ingest route", `${shop}/api/tl/v1/traces`, 202],
] as const) {
  const post = (body: string | Uint8Array, headers: Record<string, string>) =>
    fetch(target, { method: "POST", body: body as BodyInit, headers });

  test(`${name}: malformed JSON, broken gzip and a wrong type are refused, nothing before them is lost`, async () => {
    const before = newTraceparent();
    expect((await post(exportRequest(before.traceId, before.spanId, "before"), JSON_TYPE)).status).toBe(
      accepted,
    );

    const truncated = exportRequest(before.traceId, before.spanId, "never").slice(0, -20);
    const brokenGzip = gzipSync(exportRequest(before.traceId, before.spanId, "never")).subarray(0, 60);
    const refused = [
      [await post(truncated, JSON_TYPE), 400],
      [await post(brokenGzip, { ...JSON_TYPE, "content-encoding": "gzip" }), 400],
      [await post("hello", { "content-type": "text/plain" }), 415],
    ] as const;
    for (const [response, status] of refused) {
      expect(response.status).toBe(status);
      expect(((await response.json()) as { message: string }).message.length).toBeGreaterThan(20);
    }

    const document = await awaitTrace(before.traceId, ["before · internal · bad-input"]);
    expect(document.spans).toHaveLength(1);
  });

  test(`${name}: gzip is understood`, async () => {
    const { traceId, spanId } = newTraceparent();
    const response = await post(gzipSync(exportRequest(traceId, spanId, "zipped")), {
      ...JSON_TYPE,
      "content-encoding": "gzip",
    });
    expect(response.status).toBe(accepted);
    await awaitTrace(traceId, ["zipped · internal · bad-input"]);
  });
}

test("ingest route: a body of 10 MiB is refused with 413, also when gzip hides its size", async () => {
  const body = largeRequest(TEN_MIB);
  const plain = await fetch(`${shop}/api/tl/v1/traces`, { method: "POST", body, headers: JSON_TYPE });
  expect(plain.status).toBe(413);
  expect(await plain.text()).toContain("MiB");
  const zipped = await fetch(`${shop}/api/tl/v1/traces`, {
    method: "POST",
    body: gzipSync(body) as BodyInit,
    headers: { ...JSON_TYPE, "content-encoding": "gzip" },
  });
  expect(zipped.status).toBe(413);
});

test("collector: a body of 10 MiB is taken, one over the 64 MiB limit is refused with 413", async () => {
  const taken = await fetch(`${collector}/v1/traces`, {
    method: "POST",
    body: largeRequest(TEN_MIB),
    headers: JSON_TYPE,
  });
  expect(taken.status).toBe(200);
  const zipped = gzipSync(Buffer.alloc(65 * 1024 * 1024, " "));
  const refused = await fetch(`${collector}/v1/traces`, {
    method: "POST",
    body: zipped as BodyInit,
    headers: { ...JSON_TYPE, "content-encoding": "gzip" },
  });
  expect(refused.status).toBe(413);
  expect(((await refused.json()) as { message: string }).message).toContain("MiB");
});

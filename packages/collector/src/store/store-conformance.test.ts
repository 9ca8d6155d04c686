import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SpanRecord, SpansEvent } from "@throughline/core";
import { afterAll, describe, expect, test } from "vitest";
import { spanRecord } from "../../test/span-record.ts";
import { createMemoryStore } from "./memory-store.ts";
import type { SpanStore, StoreLimits } from "./span-store.ts";
import { loadSqlite } from "./sqlite-module.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const hasSqlite = (await loadSqlite()) !== undefined;
const folder = mkdtempSync(join(tmpdir(), "throughline-store-"));
afterAll(() => rmSync(folder, { recursive: true }));

const id = (digit: string): string => digit.repeat(32);

function span(traceId: string, spanId: string, more: Partial<SpanRecord> = {}): SpanRecord {
  return spanRecord({
    traceId,
    spanId: spanId.padStart(16, "0"),
    name: `span ${spanId}`,
    startUnixNano: 1_790_000_000_000_000_000n,
    endUnixNano: 1_790_000_000_001_000_000n,
    ...more,
  });
}

const at = (ms: number) => ({
  startUnixNano: 1_790_000_000_000_000_000n + BigInt(ms) * 1_000_000n,
  endUnixNano: 1_790_000_000_000_000_000n + BigInt(ms + 1) * 1_000_000n,
});

const kinds: readonly [string, (limits?: Partial<StoreLimits>) => Promise<SpanStore>, boolean][] = [
  ["memory", async (limits) => createMemoryStore(limits), true],
  ["sqlite", (limits) => openSqliteStore({ ...limits, file: ":memory:" }), hasSqlite],
];

describe.each(kinds)("the %s store", (kind, open, available) => {
  const check = test.skipIf(!available);

  check("a page load is as long as its work, and says how long the visit was", async () => {
    const store = await open();
    const cls = { "browser.web_vital.name": "cls" };
    store.upsert([
      span(id("a"), "1"),
      span(id("a"), "2", { parentSpanId: "1".padStart(16, "0"), attributes: cls, ...at(25_000) }),
    ]);
    expect(store.list({})[0]).toMatchObject({ workMs: 1, durationMs: 25_001 });
  });

  check("says what it is", async () => {
    expect((await open()).kind).toBe(kind);
  });

  check("gives back every field of a span, to the nanosecond", async () => {
    const store = await open();
    const full = span(id("a"), "1", {
      parentSpanId: "2".repeat(16),
      endUnixNano: 1_790_000_000_123_456_789n,
      attributes: { text: "日本", list: [1, null, { deep: true }] },
      events: [{ name: "e", timeUnixNano: 1_790_000_000_000_000_001n, attributes: { a: 1 } }],
      links: [{ traceId: id("b"), spanId: "3".repeat(16), attributes: {} }],
      status: { code: "error", message: "no" },
      traceState: "a=b",
      flags: 257,
      droppedCount: 4,
    });
    store.upsert([full]);
    expect(store.getTrace(id("a"))).toEqual([full]);
    expect(store.getTrace(id("f"))).toEqual([]);
  });

  check("keeps one span per id, the last one sent, however often it is sent", async () => {
    const store = await open();
    store.upsert([span(id("a"), "1"), span(id("a"), "1")]);
    store.upsert([span(id("a"), "1", { name: "later" })]);
    expect(store.getTrace(id("a")).map(({ name }) => name)).toEqual(["later"]);
    expect(store.stats()).toEqual({ traces: 1, spans: 1, evictedTraces: 0 });
    expect(store.list({})[0]).toMatchObject({ name: "later", spanCount: 1 });
  });

  check("builds the same summary whatever the order of arrival", async () => {
    const root = span(id("a"), "1", { name: "click Buy", ...at(0) });
    const request = span(id("a"), "2", {
      parentSpanId: root.spanId,
      kind: "server",
      attributes: { "http.response.status_code": 201, "test.case.id": "t1" },
      resource: { "service.name": "web" },
      status: { code: "error" },
      ...at(5),
    });
    for (const order of [
      [root, request],
      [request, root],
    ]) {
      const store = await open();
      for (const one of order) store.upsert([one]);
      expect(store.list({})).toEqual([
        {
          traceId: id("a"),
          name: "click Buy",
          rootService: "shop",
          services: ["shop", "web"],
          startUnixMs: 1_790_000_000_000,
          durationMs: 6,
          spanCount: 2,
          errorCount: 1,
          statusCode: 201,
          problemCount: 0,
          testCaseId: "t1",
        },
      ]);
    }
  });

  check("lists by start, newest first, whatever arrived last", async () => {
    const store = await open();
    store.upsert([span(id("a"), "1", at(10)), span(id("b"), "1", at(30)), span(id("c"), "1", at(20))]);
    expect(store.list({}).map(({ traceId }) => traceId[0])).toEqual(["b", "c", "a"]);
    expect(store.list({ limit: 2 }).map(({ traceId }) => traceId[0])).toEqual(["b", "c"]);
  });

  check("filters by service, text, test and errors, before the limit is applied", async () => {
    const store = await open();
    store.upsert([
      span(id("a"), "1", { name: "GET /cart", resource: { "service.name": "stock" }, ...at(1) }),
      span(id("b"), "1", { attributes: { "test.case.id": "t1" }, ...at(2) }),
      span(id("c"), "1", { status: { code: "error" }, ...at(3) }),
    ]);
    const found = (filter: object) => store.list({ limit: 1, ...filter }).map(({ traceId }) => traceId[0]);
    expect(found({ service: "stock" })).toEqual(["a"]);
    expect(found({ q: "CART" })).toEqual(["a"]);
    expect(found({ q: "bbbb" })).toEqual(["b"]);
    expect(found({ test: "t1" })).toEqual(["b"]);
    expect(found({ errors: true })).toEqual(["c"]);
    expect(found({ q: "nothing" })).toEqual([]);
    store.upsert([span(id("d"), "1", { endUnixNano: at(500).startUnixNano })]);
    expect(found({ minMs: 500 })).toEqual(["d"]);
    expect(found({ minMs: 501 })).toEqual([]);
  });

  check("finds a trace by the words of any of its spans", async () => {
    const store = await open();
    const child = (spanId: string, more: Partial<SpanRecord>) =>
      span(id("a"), spanId, { parentSpanId: "1".padStart(16, "0"), ...more });
    store.upsert([span(id("a"), "1", { name: "click Buy" }), span(id("b"), "1", { name: "click Buy" })]);
    const found = (q: string) => store.list({ q }).map(({ traceId }) => traceId[0]);
    expect(found("buy stock")).toEqual([]);
    store.upsert([child("2", { name: "GET /stock", attributes: { "http.response.status_code": 500 } })]);
    expect(found("buy stock")).toEqual(["a"]);
    expect(found("http.response.status_code=500")).toEqual(["a"]);
    store.upsert([child("2", { name: "GET /cart" })]);
    expect(found("stock")).toEqual([]);
    expect(found("click").sort()).toEqual(["a", "b"]);
  });

  check("tells clicks of the same name apart by what they asked for", async () => {
    const store = await open();
    const attributes = { "http.request.method": "POST", "url.full": "http://localhost/api/orders" };
    store.upsert([
      span(id("a"), "1", { name: "click Buy", ...at(0) }),
      span(id("a"), "2", { parentSpanId: "1".padStart(16, "0"), kind: "client", attributes, ...at(1) }),
      span(id("b"), "1", { kind: "client", attributes, ...at(2) }),
    ]);
    expect(store.list({}).map(({ name, request }) => [name, request])).toEqual([
      ["POST /api/orders", undefined],
      ["click Buy", "POST /api/orders"],
    ]);
  });

  const linked = (traceId: string, spanId: string, toSpanId = "1") =>
    span(traceId, spanId, {
      name: "process emails",
      links: [{ traceId: id("a"), spanId: toSpanId.padStart(16, "0"), attributes: {} }],
    });

  check(
    "knows the spans of other traces that have a link to a trace, each once, whoever came first",
    async () => {
      const store = await open();
      store.upsert([linked(id("b"), "1"), linked(id("c"), "1", "2"), linked(id("a"), "3")]);
      store.upsert([span(id("a"), "1"), linked(id("b"), "1")]);
      expect(store.linksTo(id("a"))).toEqual([
        {
          traceId: id("b"),
          spanId: "1".padStart(16, "0"),
          label: "process emails",
          service: "shop",
          startUnixMs: 1_790_000_000_000,
          toSpanId: "1".padStart(16, "0"),
        },
        expect.objectContaining({ traceId: id("c"), toSpanId: "2".padStart(16, "0") }),
      ]);
      expect(store.linksTo(id("b"))).toEqual([]);
      store.clear();
      expect(store.linksTo(id("a"))).toEqual([]);
    },
  );

  check("tells of a trace that a new link leads to as well", async () => {
    const store = await open();
    const heard: SpansEvent[] = [];
    store.subscribe((event) => heard.push(event));
    store.upsert([linked(id("b"), "1"), linked(id("c"), "1")]);
    expect(heard).toEqual([{ traceIds: [id("b"), id("a"), id("c")], spanCount: 2 }]);
  });

  check("forgets the links of a trace that it evicts", async () => {
    const store = await open({ maxTraces: 2 });
    store.upsert([linked(id("b"), "1"), span(id("a"), "1")]);
    store.upsert([linked(id("c"), "1")]);
    expect(store.linksTo(id("a")).map(({ traceId }) => traceId)).toEqual([id("c")]);
  });

  check("evicts whole traces over the byte limit, least recently changed first", async () => {
    const store = await open({ maxBytes: 2700 });
    store.upsert([span(id("a"), "1"), span(id("a"), "2")]);
    store.upsert([span(id("b"), "1"), span(id("b"), "2")]);
    store.upsert([span(id("a"), "3")]);
    store.upsert([span(id("c"), "1")]);
    expect(store.getTrace(id("b"))).toEqual([]);
    expect(store.getTrace(id("a"))).toHaveLength(3);
    expect(store.stats()).toEqual({ traces: 2, spans: 4, evictedTraces: 1 });
  });

  check.each([
    ["a status message", { status: { code: "error", message: "x".repeat(1e6) } }],
    ["a resource", { resource: { text: "x".repeat(1e6) } }],
    ["an event", { events: [{ name: "e", timeUnixNano: 1n, attributes: { text: "x".repeat(1e6) } }] }],
  ] as const)("counts what %s takes", async (_what, large) => {
    const store = await open({ maxBytes: 2.5e6 });
    for (const digit of ["a", "b", "c", "d"]) store.upsert([span(id(digit), "1", large)]);
    expect(store.stats()).toMatchObject({ traces: 2, evictedTraces: 2 });
  });

  check("evicts the oldest over the number of traces, and never the one just written", async () => {
    const store = await open({ maxTraces: 1, maxBytes: 1 });
    for (const digit of ["a", "b", "c"]) store.upsert([span(id(digit), "1")]);
    expect(store.list({}).map(({ traceId }) => traceId[0])).toEqual(["c"]);
    expect(store.stats().evictedTraces).toBe(2);
  });

  check("refuses more spans than a trace may have, but still replaces known ones", async () => {
    const store = await open({ maxSpansPerTrace: 2 });
    const spans = ["1", "2", "3"].map((digit) => span(id("a"), digit));
    expect(store.upsert(spans)).toEqual({ stored: 2, refused: 1 });
    expect(store.upsert([span(id("a"), "1", { name: "again" })])).toEqual({ stored: 1, refused: 0 });
    expect(store.stats().spans).toBe(2);
  });

  check("tells listeners after the commit, until they stop", async () => {
    const store = await open();
    const heard: [SpansEvent, number][] = [];
    const stop = store.subscribe((event) => heard.push([event, store.getTrace(id("a")).length]));
    store.upsert([span(id("a"), "1"), span(id("a"), "2"), span(id("b"), "1")]);
    store.upsert([]);
    stop();
    store.upsert([span(id("a"), "3")]);
    expect(heard).toEqual([[{ traceIds: [id("a"), id("b")], spanCount: 3 }, 2]]);
  });

  check("forgets everything on clear, and goes on", async () => {
    const store = await open();
    store.upsert([span(id("a"), "1")]);
    store.clear();
    expect(store.list({})).toEqual([]);
    expect(store.stats()).toEqual({ traces: 0, spans: 0, evictedTraces: 0 });
    store.upsert([span(id("a"), "2")]);
    expect(store.getTrace(id("a"))).toHaveLength(1);
  });

  check("takes times at the far end of 64 bits", async () => {
    const store = await open();
    const far = span(id("a"), "1", { startUnixNano: 2n ** 64n - 1n, endUnixNano: 0n });
    store.upsert([far]);
    expect(store.getTrace(id("a"))).toEqual([far]);
    expect(store.list({})[0]?.durationMs).toBe(0);
  });
});

describe.skipIf(!hasSqlite)("an sqlite file", () => {
  test("gives back its traces to the next process, in the same order", async () => {
    const file = join(folder, "kept.db");
    const first = await openSqliteStore({ file });
    const links = [{ traceId: id("a"), spanId: "1".padStart(16, "0"), attributes: {} }];
    first.upsert([span(id("a"), "1", at(1)), span(id("b"), "1", { ...at(2), links })]);
    const before = first.list({});
    first.close();
    const second = await openSqliteStore({ file });
    expect(second.list({})).toEqual(before);
    expect(second.stats()).toMatchObject({ traces: 2, spans: 2 });
    expect(second.linksTo(id("a")).map(({ traceId }) => traceId)).toEqual([id("b")]);
    second.close();
  });

  test("can be read by its owner only", async () => {
    const file = join(folder, "private.db");
    const store = await openSqliteStore({ file });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    store.close();
  });

  test("is held by one collector at a time, and the second is told so", async () => {
    const file = join(folder, "held.db");
    const first = await openSqliteStore({ file });
    await expect(openSqliteStore({ file })).rejects.toThrow(/held\.db.*another collector may hold it/);
    first.close();
  });
});

describe.skipIf(hasSqlite)("without node:sqlite", () => {
  test("opening an sqlite store says what is missing and what to do", async () => {
    await expect(openSqliteStore({ file: ":memory:" })).rejects.toThrow(
      /throughline: the sqlite store needs node:sqlite, which Node [\d.]+ does not have; use the memory store/,
    );
  });
});

import type { SpanRecord } from "@throughline/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { spanRecord } from "../test/span-record.ts";
import { createMemoryStore } from "./store/memory-store.ts";
import { startTraceLog } from "./trace-log.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const start = 1_790_000_000_000_000_000n;

const span = (spanId: string, more: Partial<SpanRecord> = {}): SpanRecord =>
  spanRecord({
    traceId: TRACE,
    spanId: spanId.repeat(16),
    name: "POST /api/orders",
    kind: "server",
    startUnixNano: start,
    endUnixNano: start + 142_000_000n,
    attributes: { "http.response.status_code": 201 },
    ...more,
  });

function log(colour = false) {
  const store = createMemoryStore();
  const lines: string[] = [];
  const stop = startTraceLog({
    subscribe: store.subscribe,
    getTrace: store.getTrace,
    write: (line) => lines.push(line),
    url: "http://localhost:4318",
    colour,
  });
  return { store, lines, stop };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the line of a trace", () => {
  test("comes once, a second after its last span", () => {
    const { store, lines } = log();
    const child = span("2", {
      parentSpanId: "1".repeat(16),
      resource: { "service.name": "stock" },
      startUnixNano: start + 1n,
    });
    store.upsert([span("1")]);
    vi.advanceTimersByTime(999);
    store.upsert([child]);
    vi.advanceTimersByTime(999);
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(lines).toEqual([
      `✓ POST /api/orders  201  142 ms  2 spans  shop → stock  http://localhost:4318/trace/${TRACE}`,
    ]);
    store.upsert([child]);
    vi.advanceTimersByTime(5000);
    expect(lines).toHaveLength(1);
  });

  /** Answered, so that a server should have told of it. */
  const request = {
    "http.request.method": "POST",
    "http.response.status_code": 201,
    "throughline.propagation": "sent",
  };

  test("waits for the other half of a trace that looks broken, as long as a batch may take", () => {
    const { store, lines } = log();
    store.upsert([span("1", { kind: "client", attributes: request, resource: { "service.name": "web" } })]);
    vi.advanceTimersByTime(5_000);
    expect(lines).toEqual([]);
    store.upsert([span("2", { parentSpanId: "1".repeat(16) })]);
    vi.advanceTimersByTime(1_000);
    expect(lines).toEqual([expect.not.stringContaining("problem")]);
  });

  test("tells of a broken trace when nothing more came", () => {
    const { store, lines } = log();
    store.upsert([span("1", { kind: "client", attributes: request })]);
    vi.advanceTimersByTime(6_000);
    expect(lines).toEqual([expect.stringContaining("1 problem")]);
  });

  test("waits for the root", () => {
    const { store, lines } = log();
    store.upsert([span("2", { parentSpanId: "1".repeat(16) })]);
    vi.advanceTimersByTime(5000);
    expect(lines).toEqual([]);
    store.upsert([span("1")]);
    vi.advanceTimersByTime(1000);
    expect(lines).toHaveLength(1);
  });

  test("says errors and problems", () => {
    const { store, lines } = log();
    store.upsert([
      span("1", { status: { code: "error" }, attributes: { "http.response.status_code": 500 } }),
      span("2", { parentSpanId: "9".repeat(16) }),
    ]);
    vi.advanceTimersByTime(6000);
    expect(lines[0]).toContain("✗ POST /api/orders  500  142 ms  2 spans  1 error  1 problem  shop");
  });

  test("is coloured only when asked, and takes no control characters from a span", () => {
    const plain = log();
    const coloured = log(true);
    for (const { store } of [plain, coloured]) {
      store.upsert([span("1", { name: "\u001b[2Jwiped\u0007", kind: "internal", attributes: {} })]);
    }
    vi.advanceTimersByTime(1000);
    expect(plain.lines[0]).toMatch(/^✓ \[2Jwiped {2}142 ms/);
    expect(coloured.lines[0]).toContain("\u001b[32m✓\u001b[0m [2Jwiped");
  });

  test("never comes after stop", () => {
    const { store, lines, stop } = log();
    store.upsert([span("1")]);
    stop();
    store.upsert([span("2")]);
    vi.advanceTimersByTime(5000);
    expect(lines).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

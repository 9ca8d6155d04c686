import type { SpanRecord, TraceDocument } from "@throughline/core";
import { expect, test } from "vitest";
import {
  browserPost,
  click,
  documentOf,
  OTHER_TRACE,
  order,
  postEntry,
  serverHalf,
  settledReport,
  TEST_ID,
  WINDOW,
} from "../test-data/order-trace.ts";
import type { Outcome, SettleReport, TraceHandle } from "./evidence.ts";
import { judgePath } from "./matchers.ts";
import { span } from "./patterns.ts";
import { createSession, type Session } from "./session.ts";
import type { WireEntry } from "./wire.ts";

const path = [span.click("Buy"), span.client("POST", "/api/orders"), span.server("POST", "/api/orders")];

// A world whose collector, wire and flush do only what the test says, when it says it.
interface World {
  readonly session: Session;
  readonly flushes: { done: (report?: Partial<SettleReport>) => void }[];
  readonly listeners: Set<unknown>;
  store(spans: readonly SpanRecord[]): void;
  ask(entry: WireEntry): void;
  lose(): void;
}

function worldOf(): World {
  const documents = new Map<string, TraceDocument>();
  const entries: WireEntry[] = [];
  const listeners = new Set<() => void>();
  const flushes: World["flushes"] = [];
  let lost = false;
  const ring = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const listen = (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const session = createSession({
    testId: TEST_ID,
    client: {
      url: "http://collector.test",
      traceIdsOf: async () =>
        [...documents.values()]
          .filter(({ spans }) => spans.some(({ resource }) => resource["test.case.id"] === TEST_ID))
          .map(({ summary }) => summary.traceId),
      document: async (traceId) => documents.get(traceId),
      refresh: () => undefined,
      subscribe: (listener) => listen(() => listener([])),
      assertAlive: () => {
        if (lost) throw new Error("lost");
      },
    },
    wire: {
      entries: () => entries,
      position: () => entries.length,
      inFlight: () => entries.filter(({ state }) => state === "open"),
      onChange: listen,
    },
    watch: async () => undefined,
    settle: () =>
      new Promise((resolve) => {
        flushes.push({
          done: (report = {}) => resolve(settledReport({ wirePosition: entries.length, ...report })),
        });
      }),
    readClock: async () => ({ least: WINDOW.startUnixMs, most: WINDOW.endUnixMs }),
    notes: () => [],
  });
  return {
    session,
    flushes,
    listeners,
    store: (spans) => {
      const document = documentOf(spans);
      documents.set(document.summary.traceId, document);
      ring();
    },
    ask: (entry) => {
      entries.push({ ...entry, order: entries.length });
      ring();
    },
    lose: () => {
      lost = true;
      ring();
    },
  };
}

const watchPath = (handle: TraceHandle, timeoutMs = 60_000): Promise<Outcome<unknown>> =>
  handle.watch((evidence) => judgePath(path, evidence), timeoutMs);

const serverTrace = { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true };

test("an assertion wakes when spans are stored, and no sooner than they make it hold", async () => {
  const world = worldOf();
  const watching = watchPath(await world.session.otel.during(() => undefined));
  world.store([click]);
  world.store([click, browserPost]);
  world.store(order);
  expect(await watching).toMatchObject({ state: "holds" });
  expect(world.listeners.size).toBe(0);
});

test("a broken hop ends the wait as soon as the flush is done, long before the timeout", async () => {
  const world = worldOf();
  const handle = await world.session.otel.during(() => undefined);
  world.ask(postEntry({ serverTrace }));
  world.store([click, browserPost]);
  world.store(serverHalf);
  const watching = watchPath(handle);
  await expect.poll(() => world.flushes.length).toBe(1);
  world.flushes[0]?.done();
  const outcome = await watching;
  expect(outcome.state).toBe("hopeless");
  expect(outcome.evidence.nearby.map((tree) => tree.traceId)).toEqual([OTHER_TRACE]);
  expect(outcome.evidence.documents.length).toBe(2);
});

test("a flush is stale once another request has started", async () => {
  const world = worldOf();
  const handle = await world.session.otel.during(() => undefined);
  world.ask(postEntry({ serverTrace }));
  world.store([click, browserPost]);
  const watching = watchPath(handle);
  await expect.poll(() => world.flushes.length).toBe(1);
  world.ask(postEntry({ url: "http://shop.test/other", traceparent: undefined }));
  world.flushes[0]?.done({ wirePosition: 1 });
  await expect.poll(() => world.flushes.length).toBe(2);
  world.flushes[1]?.done();
  expect((await watching).state).toBe("hopeless");
});

test("what nothing proves broken waits for its timeout", async () => {
  const world = worldOf();
  const handle = await world.session.otel.during(() => undefined);
  world.store([click]);
  const outcome = await watchPath(handle, 30);
  expect(outcome.state).toBe("timeout");
  // A timer of Node may fire within its last millisecond.
  expect(outcome.waitedMs).toBeGreaterThanOrEqual(29);
});

test("a lost collector ends the assertion with an error", async () => {
  const world = worldOf();
  const handle = await world.session.otel.during(() => undefined);
  const watching = watchPath(handle);
  world.lose();
  await expect(watching).rejects.toThrow("lost");
  expect(world.listeners.size).toBe(0);
});

test("an error of the callback is the test's own", async () => {
  const { otel } = worldOf().session;
  await expect(
    otel.during(() => {
      throw new Error("no such button");
    }),
  ).rejects.toThrow("no such button");
});

test("every failure is kept for the attachments", async () => {
  const { session } = worldOf();
  expect(session.failures()).toEqual([]);
  const handle = await session.otel.during(() => undefined);
  handle.report("first", []);
  handle.report("second", []);
  expect(session.failures().map(({ text }) => text)).toEqual(["first", "second"]);
});

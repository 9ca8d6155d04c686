import { EventEmitter } from "node:events";
import type { BrowserContext, Request } from "@playwright/test";
import { expect, test } from "vitest";
import { OTHER_TRACE, postEntry, TRACE } from "../test-data/order-trace.ts";
import { markCopies, parseServerTiming, startWireLog } from "./wire.ts";

const traceparent = `00-${TRACE}-b0b0b0b0b0b0b0b0-01`;

test("the server's trace is found in Server-Timing among other metrics", () => {
  const header = `cache;desc="hit, 00", traceparent;desc="00-${TRACE}-5050505050505050-01", tsrv;desc="1"`;
  expect(parseServerTiming(header)).toEqual({ traceId: TRACE, spanId: "5050505050505050", sampled: true });
  expect(parseServerTiming(`db;dur=3\ntraceparent;desc=00-${TRACE}-5050505050505050-00`)?.sampled).toBe(
    false,
  );
});

test("no, foreign and invalid Server-Timing values name no trace", () => {
  for (const header of [
    undefined,
    null,
    "",
    "db;dur=3",
    "traceparent;desc=nonsense",
    "xtraceparent;desc=00",
  ]) {
    expect(parseServerTiming(header)).toBeUndefined();
  }
});

interface RequestInput {
  readonly url?: string;
  readonly type?: string;
  readonly serverTiming?: string;
}

function requestOf({
  url = "http://shop.test/api/orders",
  type = "fetch",
  serverTiming,
}: RequestInput): Request {
  const request = {
    method: () => "POST",
    url: () => url,
    resourceType: () => type,
    frame: () => ({ url: () => "http://shop.test/", page: () => ({ isClosed: () => false }) }),
    headers: () => ({}),
    allHeaders: async () => ({ traceparent }),
    response: async () => ({ status: () => 201, headerValue: async () => serverTiming ?? null }),
    timing: () => ({ startTime: 7 }),
  };
  return request as unknown as Request;
}

function logOf(): {
  events: EventEmitter;
  log: ReturnType<typeof startWireLog>;
  changed: () => Promise<void>;
} {
  const events = new EventEmitter();
  const log = startWireLog();
  log.watch(events as unknown as BrowserContext);
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      const stop = log.onChange(() => {
        stop();
        resolve();
      });
    });
  return { events, log, changed };
}

test("a request is in flight until its headers are known", async () => {
  const { events, log, changed } = logOf();
  const request = requestOf({ serverTiming: `traceparent;desc="00-${OTHER_TRACE}-5050505050505050-01"` });
  events.emit("request", request);
  expect(log.inFlight().length).toBe(1);
  const done = changed();
  events.emit("requestfinished", request);
  expect(log.inFlight().length).toBe(1);
  await done;
  expect(log.inFlight()).toEqual([]);
  expect(log.entries()).toEqual([
    {
      order: 0,
      method: "POST",
      url: "http://shop.test/api/orders",
      pageOrigin: "http://shop.test",
      traceparent: { traceId: TRACE, spanId: "b0b0b0b0b0b0b0b0", sampled: true },
      serverTrace: { traceId: OTHER_TRACE, spanId: "5050505050505050", sampled: true },
      resourceType: "fetch",
      isCopy: false,
      status: 201,
      startUnixMs: 7,
      state: "finished",
    },
  ]);
});

test("streams are not waited for and exports are not logged", () => {
  const { events, log } = logOf();
  events.emit("request", requestOf({ type: "eventsource" }));
  events.emit("request", requestOf({ url: "http://shop.test/api/tl/v1/traces" }));
  expect(log.inFlight()).toEqual([]);
  expect(log.position()).toBe(1);
});

test("a request whose page is gone ends with what its start told", async () => {
  const { events, log, changed } = logOf();
  const request = requestOf({});
  request.allHeaders = () => Promise.reject(new Error("Target closed"));
  events.emit("request", request);
  const done = changed();
  events.emit("requestfailed", request);
  await done;
  expect(log.entries()[0]).toMatchObject({ state: "failed", traceparent: undefined });
});

test("stop takes every listener off the context", () => {
  const { events, log } = logOf();
  expect(events.eventNames().length).toBe(3);
  log.stop();
  expect(events.eventNames()).toEqual([]);
});

test("an answer that names the span of an earlier request is a copy, and says nothing of a server", () => {
  const carried = (spanId: string) => ({ traceId: TRACE, spanId, sampled: true });
  const first = postEntry({ order: 0 });
  const copy = postEntry({ order: 1, traceparent: carried("b1b1b1b1b1b1b1b1") });
  const own = { traceparent: carried("b2b2b2b2b2b2b2b2"), serverTrace: carried("5151515151515151") };
  const other = postEntry({ order: 2, ...own });
  expect(markCopies([first, copy, other])).toEqual([
    first,
    { ...copy, serverTrace: undefined, isCopy: true },
    other,
  ]);
});

test("what a service worker passes on is no copy of the page's request", () => {
  const page = postEntry({ order: 0 });
  const passedOn = postEntry({ order: 1 });
  expect(markCopies([page, passedOn])).toEqual([page, passedOn]);
});

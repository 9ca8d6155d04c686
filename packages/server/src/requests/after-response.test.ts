import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { ROOT_CONTEXT, type SpanContext, TraceFlags } from "@opentelemetry/api";
import type { Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, test, vi } from "vitest";
import { endedSpan } from "../../test/ended-span.ts";
import { flushAfterResponse } from "./after-response.ts";

const HOST = Symbol.for("@next/request-context");

afterEach(() => {
  Reflect.deleteProperty(globalThis, HOST);
  vi.useRealTimers();
});

const REMOTE: SpanContext = {
  traceId: "1".padStart(32, "0"),
  spanId: "a".repeat(16),
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
};

interface Host {
  readonly processor: SpanProcessor;
  readonly response: EventEmitter;
  /** What happened, in order. */
  readonly events: string[];
  readonly start: (index: number, parent?: SpanContext) => Span;
}

function openHost({ hasResponse = true, flush = () => Promise.resolve() } = {}): Host {
  const events: string[] = [];
  Reflect.set(globalThis, HOST, {
    get: () => ({
      waitUntil: (promise: Promise<unknown>) => {
        events.push("asked");
        promise.then(() => events.push("settled"));
      },
    }),
  });
  const response = Object.assign(new EventEmitter(), { req: { socket: new EventEmitter() } });
  const next: SpanProcessor = {
    onStart: () => undefined,
    onEnd: (span) => void events.push(span.name),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const processor = flushAfterResponse({
    next,
    flush: () => {
      events.push("flush");
      return flush();
    },
    response: () => (hasResponse ? (response as unknown as ServerResponse) : undefined),
  });
  const start = (index: number, parent?: SpanContext): Span => {
    const span = endedSpan(index, parent && { parentSpanContext: parent }) as unknown as Span;
    processor.onStart(span, ROOT_CONTEXT);
    return span;
  };
  return { processor, response, events, start };
}

const settled = (events: readonly string[]) => vi.waitFor(() => expect(events).toContain("settled"));

test("the host is asked at the start, and let go when response, spans and flush are done", async () => {
  const { processor, response, events, start } = openHost();
  const root = start(0, REMOTE);
  processor.onEnd(root);
  const late = start(1, root.spanContext());
  expect(events).toEqual(["asked", "span 0"]);
  response.emit("close");
  await new Promise(setImmediate);
  expect(events).not.toContain("flush");
  processor.onEnd(late);
  await settled(events);
  expect(events).toEqual(["asked", "span 0", "span 1", "flush", "settled"]);
});

test("what others end when the response closes is flushed too", async () => {
  const { processor, response, events, start } = openHost();
  const root = start(0);
  response.once("close", () => processor.onEnd(root));
  response.emit("close");
  await settled(events);
  expect(events).toEqual(["asked", "span 0", "flush", "settled"]);
});

test("where the response is not known, the end of its span stands for it", async () => {
  const { processor, events, start } = openHost({ hasResponse: false });
  const root = start(0);
  processor.onEnd(start(1, root.spanContext()));
  await new Promise(setImmediate);
  expect(events).not.toContain("flush");
  processor.onEnd(root);
  await settled(events);
});

test("a span that ends during the flush is flushed again", async () => {
  let release = (): void => undefined;
  const answers = [
    new Promise<void>((resolve) => {
      release = resolve;
    }),
  ];
  const flush = () => answers.shift() ?? Promise.resolve();
  const { processor, response, events, start } = openHost({ flush });
  const root = start(0);
  processor.onEnd(root);
  response.emit("close");
  await vi.waitFor(() => expect(events).toContain("flush"));
  const late = start(1, root.spanContext());
  release();
  await new Promise(setImmediate);
  expect(events).not.toContain("settled");
  processor.onEnd(late);
  await settled(events);
  expect(events.slice(-3)).toEqual(["span 1", "flush", "settled"]);
});

test("a span that starts and ends during the flush is flushed too", async () => {
  let release = (): void => undefined;
  const answers = [
    new Promise<void>((resolve) => {
      release = resolve;
    }),
  ];
  const { processor, response, events, start } = openHost({
    flush: () => answers.shift() ?? Promise.resolve(),
  });
  const root = start(0);
  processor.onEnd(root);
  response.emit("close");
  await vi.waitFor(() => expect(events).toContain("flush"));
  processor.onEnd(start(1, root.spanContext()));
  release();
  await settled(events);
  expect(events.slice(-3)).toEqual(["span 1", "flush", "settled"]);
});

test("a span that starts when all was settled, in after() behind an await, has the host asked again", async () => {
  const { processor, response, events, start } = openHost();
  const root = start(0);
  processor.onEnd(root);
  response.emit("close");
  await settled(events);
  processor.onEnd(start(1, root.spanContext()));
  await vi.waitFor(() => expect(events.filter((event) => event === "settled")).toHaveLength(2));
  expect(events.slice(-4)).toEqual(["span 1", "asked", "flush", "settled"]);
});

test("a span that never ends, or a flush that is never answered, keeps the host for 1.5 s", async () => {
  for (const endsRoot of [false, true]) {
    vi.useFakeTimers();
    const { processor, response, events, start } = openHost({ flush: () => new Promise(() => undefined) });
    const root = start(0);
    if (endsRoot) processor.onEnd(root);
    response.emit("close");
    await vi.advanceTimersByTimeAsync(1490);
    expect(events).not.toContain("settled");
    await vi.advanceTimersByTimeAsync(20);
    expect(events).toContain("settled");
    vi.useRealTimers();
  }
});

test("a process that lives on is not flushed by its responses", async () => {
  const { processor, response, events, start } = openHost();
  Reflect.deleteProperty(globalThis, HOST);
  const root = start(0);
  processor.onEnd(root);
  response.emit("close");
  await new Promise(setImmediate);
  expect(events).toEqual(["span 0"]);
  expect(response.listenerCount("close")).toBe(0);
});

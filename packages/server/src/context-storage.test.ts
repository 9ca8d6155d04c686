import { EventEmitter } from "node:events";
import {
  type Context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed, suppressTracing } from "@opentelemetry/core";
import { expect, test } from "vitest";
import { createContextStorage } from "./context-storage.ts";

const KEY = createContextKey("test");
const OTHER = createContextKey("other");
const SPAN = trace.wrapSpanContext({
  traceId: "1".repeat(32),
  spanId: "2".repeat(16),
  traceFlags: TraceFlags.SAMPLED,
});

function inRequest<T>(run: (contexts: ReturnType<typeof createContextStorage<string>>) => T): T {
  const contexts = createContextStorage<string>();
  return contexts.manager.with(ROOT_CONTEXT, () => {
    contexts.requests.enter("request", false);
    return run(contexts);
  });
}

test("a context is active inside `with`, after its awaits too, and not outside", async () => {
  const { manager } = createContextStorage();
  const context = ROOT_CONTEXT.setValue(KEY, 1);
  const result = manager.with(context, async () => {
    await Promise.resolve();
    return manager.active();
  });
  expect(manager.active()).toBe(ROOT_CONTEXT);
  expect(await result).toBe(context);
});

test("`with` hands over `this`, the arguments and the answer, and rethrows", () => {
  const { manager } = createContextStorage();
  const add = function (this: { base: number }, one: number, two: number): number {
    return this.base + one + two;
  };
  expect(manager.with(ROOT_CONTEXT, add, { base: 1 }, 2, 3)).toBe(6);
  const error = new Error("theirs");
  expect(() =>
    manager.with(ROOT_CONTEXT, () => {
      throw error;
    }),
  ).toThrow(error);
});

test("bound functions and emitters run in the context they were bound to", () => {
  const { manager } = createContextStorage();
  const context = ROOT_CONTEXT.setValue(KEY, 1);
  expect(manager.bind(context, () => manager.active())()).toBe(context);
  const emitter = manager.bind(context, new EventEmitter());
  const heard: unknown[] = [];
  emitter.on("event", () => heard.push(manager.active()));
  emitter.emit("event");
  expect(heard).toEqual([context]);
});

test("an attached context is active until it is disposed of", () => {
  const { manager } = createContextStorage();
  const context = ROOT_CONTEXT.setValue(KEY, 1);
  manager.with(ROOT_CONTEXT, () => {
    // Of the API from 1.10 on, whose types are not installed here.
    const { attach } = manager as unknown as { attach: (to: Context) => { dispose(): void } };
    const token = attach(context);
    expect(manager.active()).toBe(context);
    token.dispose();
    expect(manager.active()).toBe(ROOT_CONTEXT);
  });
});

test("the request is found in every context below it, of whatever make", async () => {
  await inRequest(async ({ manager, requests }) => {
    await Promise.resolve();
    expect(requests.current()).toBe("request");
    manager.with(trace.setSpan(manager.active(), SPAN), () => expect(requests.current()).toBe("request"));
    // As Next.js makes one for the page behind proxy.ts: from the root, with what came by headers.
    const foreign = trace.setSpan(ROOT_CONTEXT, SPAN).setValue(KEY, 1);
    manager.with(foreign, () => {
      expect(requests.current()).toBe("request");
      expect(manager.active().getValue(KEY)).toBe(1);
      expect(trace.getSpan(manager.active())).toBe(SPAN);
      expect(manager.active().deleteValue(KEY).getValue(KEY)).toBeUndefined();
    });
  });
});

test("a request that is known late joins the context it has", async () => {
  const { manager, requests } = createContextStorage<string>();
  await manager.with(trace.setSpan(ROOT_CONTEXT, SPAN), async () => {
    requests.join("late");
    await Promise.resolve();
    expect(requests.current()).toBe("late");
    expect(trace.getSpan(manager.active())).toBe(SPAN);
  });
  expect(requests.current()).toBeUndefined();
});

test("the span of a request is active where no other is, until it is taken away", () => {
  inRequest(({ manager, requests }) => {
    const outside = manager.active();
    requests.setSpan(SPAN);
    expect(trace.getSpan(outside)).toBe(SPAN);
    requests.setSpan(undefined);
    expect(trace.getSpan(outside)).toBeUndefined();
  });
});

test("two requests do not see each other", async () => {
  const { manager, requests } = createContextStorage<string>();
  const request = (name: string) =>
    manager.with(ROOT_CONTEXT, async () => {
      requests.enter(name, false);
      await new Promise(setImmediate);
      return requests.current();
    });
  expect(await Promise.all([request("one"), request("two")])).toEqual(["one", "two"]);
  expect(requests.current()).toBeUndefined();
});

test("in a request that is ignored tracing is suppressed, and its active span has no ids", () => {
  const { manager, requests } = createContextStorage<string>();
  manager.with(ROOT_CONTEXT, () => {
    requests.enter("prefetch", true);
    expect(requests.current()).toBe("prefetch");
    expect(isTracingSuppressed(manager.active())).toBe(true);
    const span = trace.getSpan(manager.active());
    expect(span?.isRecording()).toBe(false);
    expect(trace.isSpanContextValid(span?.spanContext() ?? { traceId: "", spanId: "", traceFlags: 0 })).toBe(
      false,
    );
  });
});

test("a request's contexts are as immutable as the API's, and know its keys", () => {
  inRequest(({ manager }) => {
    const base = manager.active();
    const one = base.setValue(KEY, 1).setValue(OTHER, "o").setValue(KEY, 2);
    expect([base.getValue(KEY), one.getValue(KEY), one.getValue(OTHER)]).toEqual([undefined, 2, "o"]);
    const without = one.deleteValue(KEY);
    expect([without.getValue(KEY), without.getValue(OTHER), one.getValue(KEY)]).toEqual([undefined, "o", 2]);
    const spanned = trace.setSpan(one, SPAN);
    expect([trace.getSpan(spanned), trace.getSpan(one), spanned.getValue(KEY)]).toEqual([SPAN, undefined, 2]);
    expect(trace.getSpan(trace.deleteSpan(spanned))).toBeUndefined();
    expect(isTracingSuppressed(suppressTracing(base))).toBe(true);
    const baggage = propagation.createBaggage({ tenant: { value: "a" } });
    expect(propagation.getBaggage(propagation.setBaggage(base, baggage))).toBe(baggage);
  });
});

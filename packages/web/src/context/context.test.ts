import { type Context, createContextKey, ROOT_CONTEXT } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AsyncBinding, bindAsync, createContextManager } from "./context.ts";
import { traceListeners } from "./listeners.ts";

const KEY = createContextKey("flow");
const manager = createContextManager();
const flow = (name: string): Context => ROOT_CONTEXT.setValue(KEY, name);
const current = (): unknown => manager.active().getValue(KEY);

let binding: AsyncBinding;
let stopListeners: () => unknown;

beforeEach(() => {
  binding = bindAsync(manager);
  stopListeners = traceListeners(
    {
      note: binding.note,
      run: (_event, target, call) => {
        const context = binding.contextOf(target);
        return context ? manager.with(context, call) : call();
      },
    },
    [],
  );
});

afterEach(() => {
  binding.stop();
  stopListeners();
});

type Schedule = (callback: () => void) => unknown;

const SCHEDULES: readonly (readonly [string, Schedule])[] = [
  ["then", (run) => Promise.resolve().then(run)],
  [
    "a chain of then",
    (run) =>
      Promise.resolve()
        .then(() => 1)
        .then(() => 2)
        .then(run),
  ],
  ["catch", (run) => Promise.reject(new Error("no")).catch(run)],
  ["finally", (run) => Promise.resolve().finally(run)],
  ["Promise.all", (run) => Promise.all([Promise.resolve(), 1]).then(run)],
  ["setTimeout", (run) => setTimeout(run, 1)],
  ["requestAnimationFrame", (run) => requestAnimationFrame(run)],
  ["requestIdleCallback", (run) => requestIdleCallback(run)],
  ["queueMicrotask", (run) => queueMicrotask(run)],
  [
    "setInterval",
    (run) => {
      const timer = setInterval(() => {
        clearInterval(timer);
        run();
      }, 1);
    },
  ],
  [
    "MessageChannel onmessage",
    (run) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = run;
      port2.postMessage(1);
    },
  ],
  [
    "MessageChannel addEventListener",
    (run) => {
      const { port1, port2 } = new MessageChannel();
      port1.addEventListener("message", run);
      port1.start();
      port2.postMessage(1);
    },
  ],
  [
    "XHR onload",
    (run) => {
      const xhr = new XMLHttpRequest();
      xhr.open("GET", location.href);
      xhr.onload = run;
      xhr.send();
    },
  ],
  [
    "XHR addEventListener",
    (run) => {
      const xhr = new XMLHttpRequest();
      xhr.open("GET", location.href);
      xhr.addEventListener("loadend", run);
      xhr.send();
    },
  ],
  ["an async function as compilers lower it", (run) => lowered([() => Promise.resolve(), () => null, run])],
];

/** What transform-async-to-generator makes of `await a(); await b(); …`. */
function lowered(steps: readonly (() => unknown)[]): Promise<void> {
  const [first, ...rest] = steps;
  if (!first) return Promise.resolve();
  return Promise.resolve(first()).then(() => lowered(rest));
}

describe("the context is still there", () => {
  test.each(SCHEDULES)("in %s", async (_name, schedule) => {
    const seen = await new Promise((resolve) => {
      manager.with(flow("one"), () => schedule(() => resolve(current())));
    });
    expect(seen).toBe("one");
    expect(current()).toBeUndefined();
  });

  test.each(SCHEDULES)("and two flows never cross in %s", async (_name, schedule) => {
    const run = (name: string) =>
      new Promise((resolve) => {
        manager.with(flow(name), () => schedule(() => schedule(() => resolve(current()))));
      });
    expect(await Promise.all(["a", "b", "c"].map(run))).toEqual(["a", "b", "c"]);
  });
});

test("a timer keeps its arguments, its this and its id", async () => {
  const seen = await new Promise((resolve) => {
    manager.with(flow("one"), () => {
      const id = window.setTimeout((a: number, b: number) => resolve([typeof id, a, b]), 1, 2, 3);
    });
  });
  expect(seen).toEqual(["number", 2, 3]);
});

test("a rejected handler still rejects the derived promise", async () => {
  const failure = new Error("no");
  const promise = manager.with(flow("one"), () =>
    Promise.resolve().then(() => {
      throw failure;
    }),
  );
  await expect(promise).rejects.toBe(failure);
});

test("without a context callbacks are passed on as they are", () => {
  const handed: unknown[] = [];
  const native = globalThis.queueMicrotask;
  binding.stop();
  globalThis.queueMicrotask = (callback) => handed.push(callback);
  const again = bindAsync(manager);
  const callback = () => undefined;
  queueMicrotask(callback);
  manager.with(flow("one"), () => queueMicrotask(callback));
  again.stop();
  globalThis.queueMicrotask = native;
  expect(handed[0]).toBe(callback);
  expect(handed[1]).not.toBe(callback);
});

test("an XHR that is used again belongs to whoever sends it", async () => {
  const xhr = new XMLHttpRequest();
  const seen: unknown[] = [];
  const send = (name: string | undefined) =>
    new Promise<void>((resolve) => {
      xhr.onloadend = () => resolve();
      xhr.open("GET", location.href);
      if (name === undefined) xhr.send();
      else manager.with(flow(name), () => xhr.send());
    });
  xhr.addEventListener("load", () => seen.push(current()));
  await send("one");
  await send(undefined);
  await send("two");
  expect(seen).toEqual(["one", undefined, "two"]);
});

test("a handler property reads as what was assigned", () => {
  const xhr = new XMLHttpRequest();
  const handler = () => undefined;
  xhr.onload = handler;
  expect(xhr.onload).toBe(handler);
  xhr.onload = null;
  expect(xhr.onload).toBeNull();
});

test("the context is restored when the code inside throws", () => {
  expect(() =>
    manager.with(flow("one"), () => {
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(current()).toBeUndefined();
});

test("a bound function keeps its this, its arguments and its length", () => {
  const bound = manager.bind(flow("one"), function (this: unknown, a: number, b: number) {
    return [this, a + b, current()];
  });
  const self = {};
  expect(bound.call(self, 1, 2)).toEqual([self, 3, "one"]);
  expect(bound.length).toBe(2);
});

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type FakePage, openFakePage } from "../../test/fake-page.ts";
import { withSpan } from "../with-span.ts";
import { awaitHook } from "./await-hook.ts";

const natives = {
  chain: Object.getOwnPropertyDescriptor(Promise.prototype, "then"),
  constructor: Object.getOwnPropertyDescriptor(Promise.prototype, "constructor"),
  resolve: Object.getOwnPropertyDescriptor(Promise, "resolve"),
};
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
const fail = (): Promise<void> => Promise.reject(new Error("expected"));

let page: FakePage;
beforeEach(() => {
  page = openFakePage({ instruments: [awaitHook()] });
});
afterEach(() => page.close());

async function* numbers(): AsyncGenerator<number> {
  for (const number of [1, 2]) {
    await pause();
    yield number;
  }
}

async function nested(depth: number): Promise<void> {
  await pause();
  if (depth > 0) await nested(depth - 1);
}

type Wait = () => Promise<unknown>;

// Each is native: this file is served to the browser as it is written.
const WAITS: Readonly<Record<string, Wait>> = {
  "a resolved promise": async () => await Promise.resolve(1),
  "a timer": async () => await pause(),
  "a fetch and its body": async () => await (await fetch("/first")).text(),
  "an async function": async () => await nested(3),
  "a chain of then": async () => await pause().then(() => pause()),
  "Promise.all": async () => await Promise.all([pause(), nested(1), 3]),
  "a promise that was finally seen to": async () => await pause().finally(() => pause()),
  "a rejection": async () => {
    try {
      await fail();
    } catch {
      await pause();
    }
  },
  "an async generator": async () => {
    for await (const number of numbers()) if (number > 2) return;
  },
  "twenty promises": async () => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve(turn);
  },
};

test("the functions of this file are native", () => {
  expect(String(WAITS["a timer"])).toContain("await");
});

test.each(Object.entries(WAITS))(
  "after the await of %s the span is still the parent",
  async (_name, wait) => {
    const spanId = await withSpan("work", async (span) => {
      await wait();
      await fetch("/after");
      return span.spanContext().spanId;
    });
    const after = (await page.spans()).find(({ attributes }) =>
      String(attributes["url.full"]).endsWith("/after"),
    );
    expect(after?.parentSpanId).toBe(spanId);
  },
);

test("100 flows that overlap never cross", async () => {
  const work = (index: number) =>
    withSpan(`work ${index}`, async (span) => {
      for (let turn = 0; turn < 3; turn++) {
        await (index % 2 ? pause() : nested(index % 5));
        await fetch(`/${index}`);
      }
      return span.spanContext().spanId;
    });
  const owners = await Promise.all(Array.from({ length: 100 }, (_, index) => work(index)));
  const requests = (await page.spans()).filter(({ kind }) => kind === 3);
  expect(requests).toHaveLength(300);
  for (const { attributes, parentSpanId } of requests) {
    const index = Number(new URL(String(attributes["url.full"])).pathname.slice(1));
    expect(parentSpanId).toBe(owners[index]);
  }
});

test("an await inside a span takes two more microtasks", async () => {
  const ticksOf = async (): Promise<number> => {
    let ticks = 0;
    let waiting = true;
    const count = (): void => {
      if (!waiting) return;
      ticks++;
      queueMicrotask(count);
    };
    queueMicrotask(count);
    await Promise.resolve();
    waiting = false;
    return ticks;
  };
  expect((await withSpan("work", ticksOf)) - (await ticksOf())).toBe(2);
});

test("code without a span that waits for a promise of a span stays without one", async () => {
  let promise: Promise<void> = Promise.resolve();
  const work = withSpan("work", async () => {
    promise = pause();
    const same = Promise.resolve(promise);
    expect(same).toBe(promise);
    await promise;
  });
  await promise;
  await fetch("/outside");
  await work;
  await fetch("/outside");
  const outside = (await page.spans()).filter(({ kind }) => kind === 3);
  expect(outside.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined]);
});

describe("the page's promises", () => {
  test("have their own constructor outside a span, and stay plain inside", async () => {
    expect(Promise.resolve().constructor).toBe(Promise);
    await withSpan("work", async () => {
      const derived = Promise.resolve().finally(() => undefined);
      expect(Object.getPrototypeOf(derived)).toBe(Promise.prototype);
      expect(derived).toBeInstanceOf(Promise);
      await derived;
    });
  });

  test("can be given a method of their own", async () => {
    const promise = Promise.resolve(1);
    const mine = vi.fn(promise.then);
    // biome-ignore lint/suspicious/noThenProperty: what some libraries do
    promise.then = mine as typeof promise.then;
    expect(await promise.then((value) => value + 1)).toBe(2);
    expect(mine).toHaveBeenCalled();
    expect(Object.hasOwn(Promise.resolve(), "then")).toBe(false);
  });

  test("are as they were after a stop", async () => {
    expect(Object.getOwnPropertyDescriptor(Promise.prototype, "constructor")).not.toEqual(
      natives.constructor,
    );
    await page.close();
    expect(Object.getOwnPropertyDescriptor(Promise.prototype, "constructor")).toEqual(natives.constructor);
    expect(Object.getOwnPropertyDescriptor(Promise.prototype, "then")).toEqual(natives.chain);
    expect(Object.getOwnPropertyDescriptor(Promise, "resolve")).toEqual(natives.resolve);
  });
});

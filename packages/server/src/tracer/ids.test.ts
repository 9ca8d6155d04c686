import { AsyncLocalStorage } from "node:async_hooks";
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, expect, test, vi } from "vitest";
import { createIds } from "./ids.ts";

afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

test("ids have the length of the specification, and none comes twice", () => {
  const ids = createIds();
  const seen = new Set<string>();
  for (let count = 0; count < 2000; count++) {
    const [traceId, spanId] = [ids.newTraceId(), ids.newSpanId()];
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(spanId).toMatch(/^[0-9a-f]{16}$/);
    seen.add(traceId).add(spanId);
  }
  expect(seen.size).toBe(4000);
});

test("zeros alone are no id", () => {
  const fill = vi.spyOn(crypto, "randomFillSync");
  fill.mockImplementationOnce((pool) => pool);
  syncBuiltinESMExports();
  expect(createIds().newSpanId()).toMatch(/[^0]/);
  expect(fill).toHaveBeenCalledTimes(2);
});

test("the pool is filled where it was made, not in the render that runs out of it", () => {
  // As Next.js watches `crypto` and `Math.random` during a prerender.
  const prerender = new AsyncLocalStorage<boolean>();
  const fill = crypto.randomFillSync;
  const inside: (boolean | undefined)[] = [];
  vi.spyOn(crypto, "randomFillSync").mockImplementation((...args: Parameters<typeof fill>) => {
    inside.push(prerender.getStore());
    return fill(...args);
  });
  syncBuiltinESMExports();
  const ids = createIds();
  prerender.run(true, () => {
    for (let count = 0; count < 2000; count++) ids.newSpanId();
  });
  expect(inside.length).toBeGreaterThan(1);
  expect(inside).not.toContain(true);
});

import { trace } from "@opentelemetry/api";
import { BasicTracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, test, vi } from "vitest";
import { processState } from "../process-state.ts";
import { traced } from "./traced.ts";
import { withSpan } from "./with-span.ts";

afterEach(() => {
  trace.disable();
  processState().said.clear();
  vi.restoreAllMocks();
});

const full = (): never => {
  throw new Error("full");
};

function processor(part: Partial<SpanProcessor>): SpanProcessor {
  const nothing = async (): Promise<void> => undefined;
  return {
    onStart: () => undefined,
    onEnd: () => undefined,
    forceFlush: nothing,
    shutdown: nothing,
    ...part,
  };
}

test.each([
  ["begins", processor({ onStart: full }), 'the span "work" could not be started: Error: full'],
  ["ends", processor({ onEnd: full }), "a span could not be ended: Error: full"],
])(
  "somebody's processor that throws when a span %s is told once, and the work is done",
  async (_, failing, told) => {
    const warned = vi.spyOn(console, "warn").mockReturnValue();
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [failing] }));
    const soldOut = new Error("sold out");
    expect(withSpan("work", () => 1)).toBe(1);
    expect(traced("work", () => 1)()).toBe(1);
    expect(await withSpan("work", async () => 2)).toBe(2);
    await expect(withSpan("work", () => Promise.reject(soldOut))).rejects.toBe(soldOut);
    expect([
      ...withSpan("work", function* () {
        yield 3;
      }),
    ]).toEqual([3]);
    expect(warned.mock.calls).toEqual([[expect.stringContaining(told)]]);
  },
);

test("options that no span can have are told, and the work is done", () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  trace.setGlobalTracerProvider(new BasicTracerProvider());
  expect(withSpan("work", null as never, () => 1)).toBe(1);
  expect(withSpan("more", { links: 3 as never }, () => 2)).toBe(2);
  expect(
    warned.mock.calls.map(([text]) => /the span "(\w+)" could not be started/.exec(String(text))?.[1]),
  ).toEqual(["work", "more"]);
});

import { SpanKind } from "@opentelemetry/api";
import { expect, expectTypeOf, test, vi } from "vitest";
import { recordSpans } from "../../test/record-spans.ts";
import { currentTrace } from "./current-trace.ts";
import { traced } from "./traced.ts";
import { withSpan } from "./with-span.ts";

const exporter = recordSpans();

test("a traced function keeps its arguments, this, name, length and type, and has a span a call", async () => {
  const basket = {
    items: ["pen"],
    async add(item: string, count: number): Promise<number> {
      this.items.push(...Array<string>(count).fill(item));
      return this.items.length;
    },
  };
  const original = basket.add;
  basket.add = traced(basket.add);
  expectTypeOf(basket.add).toEqualTypeOf<(item: string, count: number) => Promise<number>>();
  expect([basket.add.name, basket.add.length]).toEqual([original.name, original.length]);
  expect(await basket.add("ink", 2)).toBe(3);
  expect(await basket.add("cap", 1)).toBe(4);
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["add", "add"]);
});

test.each([
  ["by name", traced("buy", (a: number) => a + 1)],
  ["by name and options", traced("buy", { kind: SpanKind.INTERNAL }, (a: number) => a + 1)],
  [
    "by options",
    traced({ kind: SpanKind.INTERNAL }, function buy(a: number) {
      return a + 1;
    }),
  ],
])("%s", (_how, buy) => {
  expect(buy(1)).toBe(2);
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["buy"]);
});

test("its errors come out unchanged, recorded", async () => {
  const error = new Error("sold out");
  await expect(traced("buy", () => Promise.reject(error))()).rejects.toBe(error);
  expect(exporter.getFinishedSpans()[0]?.status.message).toBe("sold out");
});

test("a function without a name is named once more in the log than in the trace", () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  for (const run of [traced(() => 1), traced(() => 2)]) run();
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(Array(2).fill("anonymous function"));
  expect(warned.mock.calls).toEqual([[expect.stringContaining('traced("what it does", fn)')]]);
  warned.mockRestore();
});

test("what is no function is refused where it is written", () => {
  expect(() => traced("buy", undefined as never)).toThrow(/traced\("buy"\).*traced\(name, fn\)/);
});

test("the current trace is that of the innermost span, ready to be written into a header", () => {
  withSpan("outer", () => {
    const outer = currentTrace();
    const inner = withSpan("inner", () => currentTrace());
    expect(inner?.traceId).toBe(outer?.traceId);
    expect(inner?.spanId).not.toBe(outer?.spanId);
    expect(inner).toEqual({
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      sampled: true,
      traceparent: `00-${inner?.traceId}-${inner?.spanId}-01`,
    });
  });
  expect(currentTrace()).toBeUndefined();
});

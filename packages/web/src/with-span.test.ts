import { SpanKind } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { type FakePage, openFakePage } from "../test/fake-page.ts";
import { withSpan } from "./with-span.ts";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
});

test("it returns what the function returns, and the span ends with it", async () => {
  page = openFakePage();
  expect(withSpan("sum", () => 3)).toBe(3);
  expect(await withSpan("later", async () => 4)).toBe(4);
  expect((await page.spans()).map(({ name }) => name)).toEqual(["sum", "later"]);
});

test("a span of a promise stays open until it settles", async () => {
  page = openFakePage();
  let release: () => void = () => undefined;
  const result = withSpan(
    "later",
    () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
  );
  expect(await page.spans()).toEqual([]);
  release();
  await result;
  expect(await page.spans()).toHaveLength(1);
});

test("options and the span itself are handed on", async () => {
  page = openFakePage();
  withSpan("sum", { kind: SpanKind.PRODUCER, attributes: { a: 1 } }, (span) => span.setAttribute("b", 2));
  const [span] = await page.spans();
  expect([span?.kind, span?.attributes]).toEqual([4, { a: 1, b: 2 }]);
});

test.each([
  [
    "thrown",
    (failure: unknown) =>
      withSpan("fails", () => {
        throw failure;
      }),
  ],
  ["rejected", (failure: unknown) => withSpan("fails", () => Promise.reject(failure))],
])("a %s failure is recorded and arrives unchanged", async (_name, fail) => {
  page = openFakePage();
  const failure = new RangeError("too much");
  const caught = await Promise.resolve()
    .then(() => fail(failure))
    .catch((error: unknown) => error);
  expect(caught).toBe(failure);
  const [span] = await page.spans();
  expect(span?.status).toEqual({ code: 2, message: "too much" });
  expect(span?.attributes["error.type"]).toBe("RangeError");
});

test("without tracing it only runs the function", () => {
  expect(withSpan("sum", (span) => span.isRecording())).toBe(false);
});

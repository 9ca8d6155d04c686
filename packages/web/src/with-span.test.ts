import { SpanKind } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { type FakePage, openFakePage } from "../test/fake-page.ts";
import { bind, withSpan } from "./with-span.ts";

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

test("a promise that can do more goes on doing it, and its span ends with it", async () => {
  page = openFakePage();
  const { unwrap, requestId } = withSpan("save", () =>
    Object.assign(Promise.resolve("saved"), { unwrap: () => "saved", requestId: 7 }),
  );
  expect([unwrap(), requestId]).toEqual(["saved", 7]);
  const failed = withSpan("fail", () =>
    Object.assign(Promise.reject(new Error("full")), { abort: () => "aborted" }),
  );
  expect(failed.abort()).toBe("aborted");
  await expect(failed).rejects.toThrow("full");
  const spans = await page.spans();
  expect(spans.map(({ name, status }) => [name, status.message])).toEqual([
    ["save", undefined],
    ["fail", "full"],
  ]);
});

test("what Next.js throws to steer is no failure", async () => {
  page = openFakePage();
  const steer = Object.assign(new Error("NEXT_REDIRECT"), { digest: "NEXT_REDIRECT;push;/done;307;" });
  await expect(withSpan("buy", () => Promise.reject(steer))).rejects.toBe(steer);
  expect(() =>
    withSpan("look", () => {
      throw steer;
    }),
  ).toThrow(steer);
  const spans = await page.spans();
  expect(spans.map(({ status, events }) => [status.code, events])).toEqual([
    [0, undefined],
    [0, undefined],
  ]);
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
  expect(withSpan("sum", (span) => span.run(() => bind(() => 3)()))).toBe(3);
});

/** The parents of the requests that the page made, by path. */
async function parents(): Promise<Readonly<Record<string, string | undefined>>> {
  const requests = (await page?.spans())?.filter(({ kind }) => kind === 3) ?? [];
  return Object.fromEntries(
    requests.map((span) => [new URL(String(span.attributes["url.full"])).pathname, span.parentSpanId]),
  );
}

test("span.run and a bound function are inside the span after a native await, where nothing else is", async () => {
  page = openFakePage();
  const spanId = await withSpan("work", async (span) => {
    const load = bind((path: string) => fetch(path));
    await Promise.resolve();
    await fetch("/lost");
    await span.run(() => fetch("/run"));
    await load("/bound");
    return span.spanContext().spanId;
  });
  expect(await parents()).toEqual({ "/lost": undefined, "/run": spanId, "/bound": spanId });
});

test("span.run of two spans that overlap never crosses, and leaves no context behind", async () => {
  page = openFakePage();
  const work = (name: string) =>
    withSpan(name, async (span) => {
      await Promise.resolve();
      await span.run(() => fetch(`/${name}`));
      await withSpan("outside", () => fetch(`/${name}/outside`));
      return span.spanContext().spanId;
    });
  const [one, two] = await Promise.all([work("one"), work("two")]);
  const found = await parents();
  expect([found["/one"], found["/two"]]).toEqual([one, two]);
  const outside = (await page.spans()).filter(({ name }) => name === "outside");
  expect(outside.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined]);
});

test("span.run hands on what the function returns or throws", () => {
  page = openFakePage();
  expect(withSpan("sum", (span) => span.run(() => 3))).toBe(3);
  expect(() =>
    withSpan("fails", (span) =>
      span.run(() => {
        throw new RangeError("too much");
      }),
    ),
  ).toThrow(RangeError);
});

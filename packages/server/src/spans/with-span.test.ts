import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeEach, expect, test } from "vitest";
import { withSpan } from "./with-span.ts";

const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

beforeEach(() => exporter.reset());
afterAll(() => {
  trace.disable();
  context.disable();
});

test("a synchronous function gives back its value, and its span is over", () => {
  expect(withSpan("add", { attributes: { a: 1 } }, (span) => (span.isRecording() ? 3 : 0))).toBe(3);
  expect(exporter.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes }))).toEqual([
    { name: "add", attributes: { a: 1 } },
  ]);
});

test("an asynchronous span ends when its promise settles and is the parent after an await", async () => {
  await withSpan("outer", async () => {
    await Promise.resolve();
    expect(exporter.getFinishedSpans()).toHaveLength(0);
    withSpan("inner", () => undefined);
  });
  const [inner, outer] = exporter.getFinishedSpans();
  expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
});

test("the very error of the function comes out, recorded", async () => {
  const error = new Error("sold out");
  expect(() =>
    withSpan("sync", () => {
      throw error;
    }),
  ).toThrow(error);
  await expect(withSpan("async", () => Promise.reject(error))).rejects.toBe(error);
  for (const span of exporter.getFinishedSpans()) {
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "sold out" });
    expect(span.events.map((event) => event.name)).toEqual(["exception"]);
  }
  expect(exporter.getFinishedSpans()).toHaveLength(2);
});

test.each(["NEXT_REDIRECT;push;/done;307;", "NEXT_HTTP_ERROR_FALLBACK;404", "NEXT_NOT_FOUND"])(
  "%s steers Next.js and is no error",
  (digest) => {
    const thrown = Object.assign(new Error("steer"), { digest });
    expect(() =>
      withSpan("act", () => {
        throw thrown;
      }),
    ).toThrow(thrown);
    expect(exporter.getFinishedSpans()[0]?.status.code).toBe(SpanStatusCode.UNSET);
    expect(exporter.getFinishedSpans()[0]?.events).toEqual([]);
  },
);

test("a call without a function says what to write instead", () => {
  expect(() => withSpan("nothing", {} as never)).toThrow(/withSpan\("nothing"\).*withSpan\(name, fn\)/);
});

import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeEach, expect, expectTypeOf, test, vi } from "vitest";
import { withSpan } from "../spans/with-span.ts";
import { injectJob, injectJobs } from "./inject-job.ts";
import { withJob } from "./with-job.ts";

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

/** What a queue does to a payload on its way. */
function travel<P>(payload: P): P {
  return JSON.parse(JSON.stringify(payload));
}

function only(kind: SpanKind): readonly ReadableSpan[] {
  return exporter.getFinishedSpans().filter((span) => span.kind === kind);
}

const linksOf = (span: ReadableSpan | undefined) => span?.links.map((link) => link.context.spanId);
const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;
const traceOf = (span: ReadableSpan | undefined) => span?.spanContext().traceId;

test("the first attempt of an immediate job is below the span that sent it", async () => {
  const sent = withSpan("click", () => injectJob({ to: "ada" }, { queue: "emails", system: "array" }));
  const seen = await withJob(travel(sent), async (payload) => {
    expectTypeOf(payload.to).toEqualTypeOf<string>();
    await Promise.resolve();
    withSpan("send", () => undefined);
    return payload;
  });
  expect(seen).toEqual({ to: "ada" });
  const [producer] = only(SpanKind.PRODUCER);
  const [consumer] = only(SpanKind.CONSUMER);
  const click = exporter.getFinishedSpans().find(({ name }) => name === "click");
  const send = exporter.getFinishedSpans().find(({ name }) => name === "send");
  expect([producer?.name, consumer?.name]).toEqual(["publish emails", "process emails"]);
  expect(producer?.parentSpanContext?.spanId).toBe(idOf(click));
  expect(consumer?.parentSpanContext).toMatchObject({ spanId: idOf(producer), isRemote: true });
  expect(send?.parentSpanContext?.spanId).toBe(idOf(consumer));
  expect(consumer?.links).toEqual([]);
  expect(producer?.attributes).toEqual({
    "messaging.system": "array",
    "messaging.destination.name": "emails",
    "messaging.operation.name": "publish",
    "messaging.operation.type": "send",
  });
  expect(consumer?.attributes).toEqual({
    "messaging.system": "array",
    "messaging.destination.name": "emails",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "throughline.job.relation": "parent",
    "throughline.job.attempt": 1,
  });
});

test.each([
  ["a retry", "retry", { attempt: 2 }],
  ["a repetition", "repeat", { repeats: true }],
  ["one that asks for it", "asked", { relation: "link" as const }],
])("%s has a trace of its own with a link, even inside another span", (_what, why, options) => {
  const sent = injectJob({});
  withSpan("poll", () => withJob(travel(sent), options, () => undefined));
  const [producer] = only(SpanKind.PRODUCER);
  const [consumer] = only(SpanKind.CONSUMER);
  expect(consumer?.parentSpanContext).toBeUndefined();
  expect(traceOf(consumer)).not.toBe(traceOf(producer));
  expect(linksOf(consumer)).toEqual([idOf(producer)]);
  expect(consumer?.attributes["throughline.job.relation"]).toBe(why);
});

test("three retries are three traces, linked to the one that sent the job", () => {
  const sent = withSpan("request", () => injectJob({}));
  for (const attempt of [1, 2, 3, 4])
    expect(() =>
      withJob(travel(sent), { attempt }, () => {
        throw new Error("mailbox full");
      }),
    ).toThrow("mailbox full");
  const [producer] = only(SpanKind.PRODUCER);
  const [first, ...retries] = only(SpanKind.CONSUMER);
  expect(traceOf(first)).toBe(traceOf(producer));
  expect(new Set([...retries, producer].map(traceOf)).size).toBe(4);
  expect(retries.map(linksOf)).toEqual(retries.map(() => [idOf(producer)]));
});

test("a job that waited for more than a minute has a link, one of a minute a parent", () => {
  const now = vi.spyOn(Date, "now").mockReturnValue(1_000_000);
  const sent = injectJob({});
  now.mockReturnValue(1_060_000);
  withJob(travel(sent), () => undefined);
  now.mockReturnValue(1_060_001);
  withJob(travel(sent), () => undefined);
  now.mockRestore();
  expect(only(SpanKind.CONSUMER).map(({ attributes }) => attributes["throughline.job.relation"])).toEqual([
    "parent",
    "delay",
  ]);
});

test("a late retry stays in the trace where that is asked for", () => {
  withJob(travel(injectJob({})), { attempt: 3, relation: "parent" }, () => undefined);
  const [producer] = only(SpanKind.PRODUCER);
  expect(only(SpanKind.CONSUMER)[0]?.parentSpanContext?.spanId).toBe(idOf(producer));
});

test("a fan-out of 1,000 is one PRODUCER span and 1,000 linked traces", () => {
  const payloads = Array.from({ length: 1000 }, (_, n) => ({ n }));
  const sent = withSpan("newsletter", () => injectJobs(payloads, { queue: "emails" }));
  for (const job of travel(sent)) withJob(job, ({ n }) => expect(n).toBeTypeOf("number"));
  const [producer] = only(SpanKind.PRODUCER);
  const consumers = only(SpanKind.CONSUMER);
  expect(producer?.attributes["messaging.batch.message_count"]).toBe(1000);
  expect(new Set(consumers.map(traceOf)).size).toBe(1000);
  expect(consumers.every((consumer) => linksOf(consumer)?.[0] === idOf(producer))).toBe(true);
  expect(exporter.getFinishedSpans().filter((span) => traceOf(span) === traceOf(producer))).toHaveLength(2);
});

test("jobs sent one by one join the trace up to twenty, each below spans of its own too", () => {
  withSpan("newsletter", () => {
    for (let n = 0; n < 25; n += 1) withSpan("one", () => withJob(travel(injectJob({ n })), () => undefined));
  });
  expect(only(SpanKind.CONSUMER).map(({ attributes }) => attributes["throughline.job.relation"])).toEqual([
    ...Array(20).fill("parent"),
    ...Array(5).fill("fan-out"),
  ]);
});

test("a job that sends itself again makes no trace without end", () => {
  let job: object = injectJob({});
  for (let run = 0; run < 100; run += 1) job = withJob(travel(job), () => injectJob({}));
  const sizes = new Map<unknown, number>();
  for (const span of exporter.getFinishedSpans())
    sizes.set(traceOf(span), (sizes.get(traceOf(span)) ?? 0) + 1);
  expect(Math.max(...sizes.values())).toBeLessThan(50);
});

test.each([
  ["without carrier", { to: "ada" }],
  ["that is no object", "ada"],
  ["that is a list", [1, 2]],
  ["that is nothing", undefined],
])("a payload %s runs as well, as it is, in a trace of its own", (_what, payload) => {
  withSpan("poll", () => withJob(payload, { queue: "emails" }, (own) => expect(own).toBe(payload)));
  const [consumer] = only(SpanKind.CONSUMER);
  expect([consumer?.parentSpanContext, consumer?.links]).toEqual([undefined, []]);
});

test.each([
  ["a text", "boo"],
  ["an object", { traceparent: "00-1-2-3" }],
  ["null", null],
])("a carrier that is %s is ignored and told once", (_what, carrier) => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  for (let run = 0; run < 2; run += 1)
    withJob({ to: "ada", __throughline: carrier }, (own) => expect(own).toEqual({ to: "ada" }));
  expect(warned.mock.calls).toEqual([[expect.stringContaining("runs in a trace of its own")]]);
  warned.mockRestore();
  expect(only(SpanKind.CONSUMER).flatMap(({ links }) => links)).toEqual([]);
});

test("a payload that has no room for a key is sent as it is, and that is told once", () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  const day = new Date(0);
  for (let run = 0; run < 2; run += 1) expect(injectJob(day, { queue: "days" })).toBe(day);
  // @ts-expect-error a list is no payload
  expect(injectJob([1])).toEqual([1]);
  expect(warned.mock.calls.map(([text]) => text)).toEqual([
    expect.stringContaining('"days" was sent without its trace: its payload is an object'),
    expect.stringContaining("its payload is a list"),
  ]);
  warned.mockRestore();
});

test("the carrier is one key, has no baggage, and leaves the payload as it was", () => {
  const payload = { to: "ada", nested: { list: [1, null, { deep: true }] } };
  const { __throughline: carrier, ...rest } = injectJob(payload, { queue: "emails" });
  expect(rest).toEqual(payload);
  expect(Object.keys(payload)).toEqual(["to", "nested"]);
  expect(Object.keys(carrier ?? {}).sort()).toEqual(["queue", "sentUnixMs", "traceparent"]);
});

test("a job's error is recorded and comes out unchanged", async () => {
  const error = new Error("mailbox full");
  await expect(withJob(injectJob({}), () => Promise.reject(error))).rejects.toBe(error);
  expect(() =>
    withJob({}, () => {
      throw error;
    }),
  ).toThrow(error);
  expect(only(SpanKind.CONSUMER).map(({ status }) => status.code)).toEqual([
    SpanStatusCode.ERROR,
    SpanStatusCode.ERROR,
  ]);
});

test("a job of an unsampled trace is unsampled too", () => {
  const sent = {
    __throughline: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-00`, sentUnixMs: Date.now() },
  };
  withJob(sent, (_own, span) => expect(span.isRecording()).toBe(false));
});

test("withJob without a function says what to write", () => {
  expect(() => withJob({}, {} as never)).toThrow(/withJob\(payload, options, fn\)/);
});

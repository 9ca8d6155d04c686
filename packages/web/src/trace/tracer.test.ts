import {
  type Attributes,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed, suppressTracing as suppressBySdk } from "@opentelemetry/core";
import { AlwaysOnSampler, BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, test, vi } from "vitest";
import { writeScope, writeSpan } from "../transport/otlp-json.ts";
import type { SpanData } from "./span.ts";
import { suppressTracing } from "./suppression.ts";
import { createTracerProvider, type OwnSpanOptions } from "./tracer.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const PARENT: SpanContext = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
  traceState: createTraceState("vendor=1"),
};
const BELOW = trace.setSpanContext(ROOT_CONTEXT, PARENT);
const START = 1_700_000_000_000;
const END = START + 20;

function own(sampler: (traceId: string, parent: SpanContext | undefined) => boolean = () => true) {
  const ended: SpanData[] = [];
  const provider = createTracerProvider({
    sampler,
    onStart: () => undefined,
    onEnd: (span) => ended.push(span),
  });
  return { tracer: provider.getTracer("scope", "1.0"), ended };
}

function upstream() {
  const ended: SpanData[] = [];
  const none = () => Promise.resolve();
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    spanProcessors: [
      { onStart: () => undefined, onEnd: (span) => ended.push(span), forceFlush: none, shutdown: none },
    ],
  });
  return { tracer: provider.getTracer("scope", "1.0"), ended };
}

/** The OTLP records of what was traced; ids that are random by nature are left out. */
function records({ tracer, ended }: ReturnType<typeof own>, calls: (tracer: Tracer) => void): unknown {
  calls(tracer);
  return ended.map((span) => {
    const { spanId, traceId, ...record } = JSON.parse(writeSpan(span));
    expect(spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    return { ...record, isBelow: traceId === PARENT.traceId, scope: writeScope(span.instrumentationScope) };
  });
}

function numbered(count: number): Attributes {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`key ${index}`, index]));
}

/** Starts and ends at known times. */
function span(change: (span: Span) => void = () => undefined, options = {}, parent = ROOT_CONTEXT) {
  return (tracer: Tracer): void => {
    const started = tracer.startSpan("work", { startTime: START, ...options }, parent);
    change(started);
    started.end(END);
  };
}

// What JavaScript can pass and the types of the API do not allow.
const BAD = {
  symbol: Symbol("x"),
  object: { a: 1 },
  mixed: [1, "a"],
  nested: [[1]],
  "": "no name",
  none: undefined,
  run: () => 1,
} as unknown as Attributes;

test.each<[string, (tracer: Tracer) => void]>([
  ["a bare span", span()],
  ["a kind", span(undefined, { kind: SpanKind.PRODUCER })],
  ["a parent, with its trace state and that it is remote", span(undefined, {}, BELOW)],
  ["a root below a parent", span(undefined, { root: true }, BELOW)],
  [
    "a parent that is none",
    span(undefined, {}, trace.setSpanContext(ROOT_CONTEXT, { ...PARENT, traceId: "1" })),
  ],
  ["a start as a date", span(undefined, { startTime: new Date(START + 1) })],
  ["a start as seconds and nanoseconds", span(undefined, { startTime: [1_700_000_000, 5] })],
  ["an end before the start", span(undefined, { startTime: END + 1 })],
  [
    "attributes of every type",
    span(undefined, { attributes: { a: "text", b: 1, c: 1.5, d: true, e: ["x", "y"], f: [1, 2] } }),
  ],
  [
    "attributes set one by one, a later value in the place of the first",
    span((it) => it.setAttribute("a", 1).setAttribute("b", 2).setAttribute("a", 3)),
  ],
  [
    "an empty list and a list with holes",
    span((it) => it.setAttributes({ empty: [], holes: ["a", null, "b"] })),
  ],
  ["values that are no attributes", span((it) => it.setAttributes(BAD).setAttribute("kept", "yes"))],
  ["values that are no attributes, from the start", span(undefined, { attributes: BAD })],
  [
    "200 attributes, and a change of one that is there",
    span((it) => it.setAttributes(numbered(200)).setAttribute("key 3", "changed")),
  ],
  ["an event", span((it) => it.addEvent("saved"))],
  ["an event with attributes", span((it) => it.addEvent("saved", { rows: 3, odd: BAD.object }, START + 1))],
  [
    "an event with a time alone",
    span((it) => it.addEvent("saved", new Date(START + 2)).addEvent("again", [1_700_000_000, 7])),
  ],
  [
    "200 events, one with 200 attributes",
    span((it) => {
      for (let index = 0; index < 200; index++)
        it.addEvent(`event ${index}`, index === 150 ? numbered(200) : {}, START);
    }),
  ],
  [
    "links from the start",
    span(undefined, {
      links: [{ context: PARENT }, { context: PARENT, attributes: { why: "retry", odd: BAD.mixed } }],
    }),
  ],
  [
    "200 links, one with 200 attributes",
    span((it) => {
      it.addLink({ context: PARENT, attributes: { first: true } });
      it.addLinks(
        Array.from({ length: 199 }, (_, index) => ({
          context: PARENT,
          attributes: index === 190 ? numbered(200) : {},
        })),
      );
    }),
  ],
  ["an error", span((it) => it.setStatus({ code: SpanStatusCode.ERROR, message: "no" }))],
  ["an error without a text", span((it) => it.setStatus({ code: SpanStatusCode.ERROR }))],
  [
    "an error whose text is none",
    span((it) => it.setStatus({ code: SpanStatusCode.ERROR, message: new Error("x") as never })),
  ],
  [
    "success, which is final and has no text",
    span((it) =>
      it.setStatus({ code: SpanStatusCode.OK, message: "fine" }).setStatus({ code: SpanStatusCode.ERROR }),
    ),
  ],
  [
    "a status that is unset again",
    span((it) =>
      it.setStatus({ code: SpanStatusCode.ERROR, message: "no" }).setStatus({ code: SpanStatusCode.UNSET }),
    ),
  ],
  ["a new name", span((it) => it.updateName("other"))],
  [
    "an exception",
    span((it) => it.recordException(Object.assign(new TypeError("no"), { stack: "at x" }), START + 3)),
  ],
  ["an exception with a code", span((it) => it.recordException({ code: 42, message: "no" }, START))],
  ["no exception", span((it) => it.recordException(undefined as never, START))],
  ["a text as an exception", span((it) => it.recordException("no", START))],
  ["an exception that says nothing", span((it) => it.recordException({ stack: "at x" } as never, START))],
  [
    "changes after the end",
    (tracer) => {
      const it = tracer.startSpan("work", { startTime: START }, ROOT_CONTEXT);
      it.end(END);
      it.setAttribute("a", 1)
        .addEvent("late")
        .addLink({ context: PARENT })
        .updateName("late")
        .setStatus({ code: 2 });
      it.recordException("late");
      it.end(END + 5);
    },
  ],
  [
    "a span that is active, inside another",
    (tracer) => {
      tracer.startActiveSpan("one", { startTime: START }, BELOW, (one) => {
        tracer.startActiveSpan("two", { startTime: START }, (two) => two.end(END));
        tracer.startActiveSpan("three", (three) => three.end(START));
        one.end(END);
      });
    },
  ],
])("%s: the same OTLP record as the SDK makes", (_name, calls) => {
  // The end of a span that was given no start, and of an event, is the moment it happens.
  vi.spyOn(performance, "now").mockReturnValue(1000);
  vi.spyOn(Date, "now").mockReturnValue(performance.timeOrigin + 1000);
  expect(records(own(), calls)).toEqual(records(upstream(), calls));
});

test("a trace that is not kept has ids of its own and records nothing", () => {
  const { tracer, ended } = own((_traceId, parent) => parent !== undefined);
  const root = tracer.startSpan("work", {}, ROOT_CONTEXT);
  expect(root.isRecording()).toBe(false);
  expect(root.spanContext()).toMatchObject({ traceFlags: TraceFlags.NONE });
  expect(root.spanContext().traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
  root.end();
  tracer.startSpan("work", {}, BELOW).end();
  expect(ended.map((it) => it.parentSpanContext)).toEqual([PARENT]);
});

test("what suppresses the SDK's tracers suppresses ours, and the other way round", () => {
  const { tracer, ended } = own();
  expect(isTracingSuppressed(suppressTracing(ROOT_CONTEXT))).toBe(true);
  const suppressed = tracer.startSpan("work", {}, suppressBySdk(BELOW));
  expect(suppressed.isRecording()).toBe(false);
  expect(trace.isSpanContextValid(suppressed.spanContext())).toBe(false);
  suppressed.end();
  expect(ended).toEqual([]);
});

test("a span takes over ids that were sent before it began", () => {
  const { tracer, ended } = own(() => false);
  const spanContext = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: TraceFlags.SAMPLED };
  const options: OwnSpanOptions = { spanContext };
  tracer.startSpan("work", options, ROOT_CONTEXT).end();
  expect(ended.map((it) => it.spanContext())).toEqual([spanContext]);
});

test("times without a value are of one clock, and follow the time of day when that has moved on", () => {
  const { tracer, ended } = own();
  const now = vi.spyOn(performance, "now").mockReturnValue(1000.25);
  const unix = vi.spyOn(Date, "now").mockReturnValue(performance.timeOrigin + 1000);
  tracer.startSpan("at once", {}, ROOT_CONTEXT).end();
  // The machine slept for a minute, in which `performance.now` stood still.
  unix.mockReturnValue(performance.timeOrigin + 61_000);
  const late = tracer.startSpan("after a sleep", {}, ROOT_CONTEXT);
  now.mockReturnValue(1001.25);
  late.end();
  const unixMs = ([seconds, nanos]: [number, number]) =>
    seconds * 1000 + nanos / 1e6 - performance.timeOrigin;
  expect(ended.map((it) => [unixMs(it.startTime), unixMs(it.endTime)].map(Math.round))).toEqual([
    [1000, 1000],
    [61_000, 61_001],
  ]);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN)])(
  "%s is no time: the span has the present one and can be written",
  (noTime) => {
    const { tracer, ended } = own();
    const before = Date.now();
    tracer.startSpan("work", { startTime: noTime }).end(noTime);
    const [span] = ended;
    if (!span) throw new Error("no span");
    expect(writeSpan(span)).toContain('"name":"work"');
    for (const [seconds] of [span.startTime, span.endTime]) {
      expect(Math.abs(seconds - before / 1000)).toBeLessThan(60);
    }
  },
);

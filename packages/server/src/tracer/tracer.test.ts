import {
  type Attributes,
  context,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { emptyResource } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createContextStorage } from "../context-storage.ts";
import { createTracerProvider } from "./tracer.ts";

const contexts = createContextStorage<string>();

beforeEach(() => {
  context.setGlobalContextManager(contexts.manager);
});

afterEach(() => {
  context.disable();
  trace.disable();
  vi.restoreAllMocks();
});

const PARENT = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
  traceState: createTraceState("vendor=1"),
};
const BELOW = trace.setSpanContext(ROOT_CONTEXT, PARENT);
const START = 1_700_000_000_000;
const END = START + 20;
const LIMITS = { attributes: 5, valueLength: 8, events: 3, links: 3 };

interface Provider {
  readonly tracer: Tracer;
  readonly ended: ReadableSpan[];
}

function collecting(ended: ReadableSpan[]): SpanProcessor {
  const none = () => Promise.resolve();
  return {
    onStart: () => undefined,
    onEnd: (span) => ended.push(span),
    forceFlush: none,
    shutdown: none,
  };
}

function own(sampler: Sampler = new AlwaysOnSampler(), limits = LIMITS): Provider {
  const ended: ReadableSpan[] = [];
  const processor = collecting(ended);
  const provider = createTracerProvider({ sampler, processor, limits, resource: emptyResource() });
  return { tracer: provider.getTracer("scope", "1.0"), ended };
}

function upstream(sampler: Sampler = new AlwaysOnSampler()): Provider {
  const ended: ReadableSpan[] = [];
  const provider = new BasicTracerProvider({
    sampler,
    resource: emptyResource(),
    spanLimits: {
      attributeCountLimit: LIMITS.attributes,
      attributePerEventCountLimit: LIMITS.attributes,
      attributePerLinkCountLimit: LIMITS.attributes,
      attributeValueLengthLimit: LIMITS.valueLength,
      eventCountLimit: LIMITS.events,
      linkCountLimit: LIMITS.links,
    },
    spanProcessors: [collecting(ended)],
  });
  return { tracer: provider.getTracer("scope", "1.0"), ended };
}

/** The OTLP records of what was traced; ids that are random by nature are told by their relations. */
function records({ tracer, ended }: Provider, calls: (tracer: Tracer) => void): unknown {
  calls(tracer);
  const numbers = new Map<string, number>();
  const numbered = (id: string | undefined): number | undefined => {
    if (id === undefined || id === PARENT.spanId || id === PARENT.traceId) return 0;
    expect(id).toMatch(/^(?!0+$)([0-9a-f]{16}){1,2}$/);
    numbers.set(id, numbers.get(id) ?? numbers.size + 1);
    return numbers.get(id);
  };
  const bytes = JsonTraceSerializer.serializeRequest(ended);
  const { resourceSpans } = JSON.parse(new TextDecoder().decode(bytes)) as {
    resourceSpans: { scopeSpans: { scope: unknown; spans: Record<string, unknown>[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.map(({ scope, spans }) => ({
      scope,
      spans: spans.map(({ traceId, spanId, parentSpanId, ...rest }) => ({
        ...rest,
        ids: [traceId, spanId, parentSpanId].map((id) => numbered(id as string | undefined)),
      })),
    })),
  );
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

const LONG = "longer than the limit";

test.each<[string, (tracer: Tracer) => void]>([
  ["a bare span", span()],
  ["a kind", span(undefined, { kind: SpanKind.PRODUCER })],
  ["a remote parent with its trace state", span(undefined, {}, BELOW)],
  ["a root below a parent", span(undefined, { root: true }, BELOW)],
  [
    "a parent that is none",
    span(undefined, {}, trace.setSpanContext(ROOT_CONTEXT, { ...PARENT, traceId: "1" })),
  ],
  ["a start as a date", span(undefined, { startTime: new Date(START + 1) })],
  ["a start as seconds and nanoseconds", span(undefined, { startTime: [1_700_000_000, 5000] })],
  ["an end before the start", span(undefined, { startTime: END + 1 })],
  ["attributes of every type", span(undefined, { attributes: { a: "text", b: 1, c: 1.5, d: true } })],
  ["attributes that are lists", span(undefined, { attributes: { e: ["x", "y"], f: [1, 2], g: [true] } })],
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
    "more attributes than allowed, and a change of one that is there",
    span((it) => it.setAttributes(numbered(9)).setAttribute("key 3", "changed")),
  ],
  ["more attributes than allowed, from the start", span(undefined, { attributes: numbered(9) })],
  [
    "texts that are too long",
    span((it) => it.setAttributes({ one: LONG, list: [LONG, "short"] }), { attributes: { first: LONG } }),
  ],
  ["an event", span((it) => it.addEvent("saved"))],
  [
    "an event with attributes",
    span((it) => it.addEvent("saved", { rows: 3, text: LONG, odd: BAD.object }, START + 1)),
  ],
  [
    "an event with a time alone",
    span((it) => it.addEvent("saved", new Date(START + 2)).addEvent("again", [1_700_000_000, 7000])),
  ],
  [
    "more events than allowed, one with more attributes than allowed",
    span((it) => {
      for (let index = 0; index < 6; index++)
        it.addEvent(`event ${index}`, index === 4 ? numbered(9) : {}, START);
    }),
  ],
  [
    "links from the start",
    span(undefined, {
      links: [{ context: PARENT }, { context: PARENT, attributes: { why: "retry", odd: BAD.mixed } }],
    }),
  ],
  [
    "more links than allowed, one with more attributes than allowed",
    span((it) => {
      it.addLink({ context: PARENT, attributes: { first: true } });
      it.addLinks(
        Array.from({ length: 4 }, (_, index) => ({
          context: PARENT,
          attributes: index === 2 ? numbered(9) : {},
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
    "spans inside another, one of them by hand",
    (tracer) => {
      tracer.startActiveSpan("one", { startTime: START }, BELOW, (one) => {
        tracer.startActiveSpan("two", { startTime: START }, (two) => {
          tracer.startSpan("three", { startTime: START }).end(END);
          two.end(END);
        });
        tracer.startActiveSpan("four", (four) => four.end(START));
        one.end(END);
      });
    },
  ],
])("%s: the same OTLP record as the SDK makes", (_name, calls) => {
  // The end of a span that was given no start, and of an event, is the moment it happens.
  vi.spyOn(performance, "now").mockReturnValue(1000);
  vi.spyOn(Date, "now").mockReturnValue(Math.round(performance.timeOrigin) + 1000);
  vi.spyOn(performance, "timeOrigin", "get").mockReturnValue(Math.round(performance.timeOrigin));
  expect(records(own(), calls)).toEqual(records(upstream(), calls));
});

test.each([
  ["drops", SamplingDecision.NOT_RECORD],
  ["records for itself", SamplingDecision.RECORD],
  ["keeps", SamplingDecision.RECORD_AND_SAMPLED],
])("a sampler that %s a span decides as with the SDK, and may add to it", (_name, decision) => {
  const sampler: Sampler = {
    shouldSample: () => ({ decision, attributes: { rule: 7 }, traceState: createTraceState("mine=1") }),
    toString: () => "test",
  };
  const seen = ({ tracer, ended }: Provider) => {
    const it = tracer.startSpan("work", { attributes: { a: 1 } }, BELOW);
    it.end();
    const { traceId, traceFlags, traceState } = it.spanContext();
    const isRecording = it.isRecording();
    return [traceId, traceFlags, traceState?.serialize(), isRecording, ended.map((one) => one.attributes)];
  };
  expect(seen(own(sampler))).toEqual(seen(upstream(sampler)));
});

test("whatever is wrong with a span, the code that ends it does not see it", () => {
  const warn = vi.spyOn(console, "warn").mockReturnValue(undefined);
  const names: string[] = [];
  const processor: SpanProcessor = {
    ...collecting([]),
    onEnd(span) {
      names.push(span.name, ...span.events.map(({ name }) => name));
      throw new Error("no text");
    },
  };
  const parts = { sampler: new AlwaysOnSampler(), limits: LIMITS, resource: emptyResource() };
  const tracer = createTracerProvider({ ...parts, processor }).getTracer("test");
  const span = tracer.startSpan(undefined as never, {}, ROOT_CONTEXT);
  span.addEvent(new TypeError("odd") as never).updateName(7 as never);
  span.end();
  expect(names).toEqual(["7", "TypeError: odd"]);
  expect(warn).toHaveBeenCalledTimes(1);
});

test("a link whose ids are none is dropped and counted", () => {
  const { tracer, ended } = own();
  const links = [{ context: { traceId: "7", spanId: "1", traceFlags: 1 } }, {} as never, { context: PARENT }];
  tracer.startSpan("work", { links }, ROOT_CONTEXT).end();
  expect(ended[0]?.links.map(({ context }) => context)).toEqual([PARENT]);
  expect(ended[0]?.droppedLinksCount).toBe(2);
});

test("a span that is not kept stands for all below it, so that a trace is decided once", () => {
  const sampler = new AlwaysOffSampler();
  const asked = vi.spyOn(sampler, "shouldSample");
  const { tracer, ended } = own(sampler);
  tracer.startActiveSpan("root", {}, BELOW, (root) => {
    expect(root.isRecording()).toBe(false);
    expect(root.spanContext()).toMatchObject({ traceId: PARENT.traceId, traceFlags: TraceFlags.NONE });
    expect(root.spanContext().spanId).not.toBe(PARENT.spanId);
    expect(tracer.startSpan("child")).toBe(root);
    expect(asked).toHaveBeenCalledTimes(1);
    tracer.startSpan("its own root", { root: true }).end();
  });
  expect(asked).toHaveBeenCalledTimes(2);
  expect(ended).toEqual([]);
});

test("inside a kept trace only SERVER spans are asked about", () => {
  const asked = vi.fn((_context, _traceId, name) => ({
    decision: name === "unwanted" ? SamplingDecision.NOT_RECORD : SamplingDecision.RECORD_AND_SAMPLED,
  }));
  const { tracer, ended } = own({ shouldSample: asked, toString: () => "test" });
  tracer.startActiveSpan("host", (host) => {
    tracer.startActiveSpan("unwanted", { kind: SpanKind.SERVER }, (unwanted) => {
      expect(unwanted.spanContext().traceFlags).toBe(TraceFlags.NONE);
      tracer.startSpan("below").end();
    });
    tracer.startSpan("unwanted", { kind: SpanKind.CLIENT }).end();
    host.end();
  });
  expect(asked.mock.calls.map(([, , name]) => name)).toEqual(["host", "unwanted"]);
  expect(ended.map(({ name, kind }) => [name, kind])).toEqual([
    ["unwanted", SpanKind.CLIENT],
    ["host", SpanKind.INTERNAL],
  ]);
});

test("below a span that is recorded for itself alone nothing is kept, and it is asked once", () => {
  const decision = (name: string) =>
    name === "request" ? SamplingDecision.RECORD : SamplingDecision.NOT_RECORD;
  const asked = vi.fn((_context, _traceId, name) => ({ decision: decision(name) }));
  const { tracer, ended } = own({ shouldSample: asked, toString: () => "test" });
  tracer.startActiveSpan("request", (request) => {
    tracer.startActiveSpan("render", (render) => {
      expect(render.spanContext()).toBe(request.spanContext());
      tracer.startActiveSpan("query", (query) => query.end());
      render.end();
    });
    request.end();
  });
  expect(asked).toHaveBeenCalledTimes(1);
  expect(ended.map(({ name }) => name)).toEqual(["request"]);
});

test("where tracing is suppressed there is no span and nothing to send on", () => {
  const { tracer, ended } = own();
  const suppressed = tracer.startSpan("work", {}, suppressTracing(BELOW));
  expect(suppressed.isRecording()).toBe(false);
  expect(trace.isSpanContextValid(suppressed.spanContext())).toBe(false);
  suppressed.end();
  expect(ended).toEqual([]);
});

/** As `isOpenTelemetryEnabled` in Next.js's tracer asks. */
function nextTraces(): boolean {
  if (trace.getActiveSpan()?.isRecording()) return true;
  const provider = trace.getTracerProvider() as { getDelegate?: () => object };
  return provider.getDelegate?.().constructor.name !== "NoopTracerProvider";
}

test("Next.js makes no spans below one that is dropped, and makes them everywhere else", () => {
  const sampler: Sampler = {
    shouldSample: (_context, _traceId, name) => ({
      decision: name === "kept" ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
    }),
    toString: () => "test",
  };
  const processor = collecting([]);
  trace.setGlobalTracerProvider(
    createTracerProvider({ sampler, processor, limits: LIMITS, resource: emptyResource() }),
  );
  const tracer = trace.getTracer("next.js");
  expect(nextTraces()).toBe(true);
  tracer.startActiveSpan("dropped", () => expect(nextTraces()).toBe(false));
  tracer.startActiveSpan("kept", () => {
    expect(nextTraces()).toBe(true);
  });
});

test("one tracer a name and version", () => {
  const provider = createTracerProvider({
    sampler: new AlwaysOnSampler(),
    processor: collecting([]),
    limits: LIMITS,
    resource: emptyResource(),
  });
  expect(provider.getTracer("next.js", "16")).toBe(provider.getTracer("next.js", "16"));
  expect(provider.getTracer("next.js", "16")).not.toBe(provider.getTracer("next.js", "17"));
});

test("a request that is dropped is dropped as a whole, also beside its first span", () => {
  const { tracer } = own({
    shouldSample: (_context, _traceId, name) => ({
      decision: name === "GET" ? SamplingDecision.NOT_RECORD : SamplingDecision.RECORD_AND_SAMPLED,
    }),
    toString: () => "test",
  });
  contexts.manager.with(ROOT_CONTEXT, () => {
    contexts.requests.enter("request", false);
    expect(trace.getActiveSpan()).toBeUndefined();
    const proxy = tracer.startSpan("GET", { kind: SpanKind.SERVER });
    // Not below `proxy`: Next.js renders the page after proxy.ts, in the request's own context.
    expect(tracer.startSpan("page")).toBe(proxy);
    expect(tracer.startSpan("job", { root: true }).isRecording()).toBe(true);
  });
});

test("times without a value are of one clock, and follow the time of day when that has moved on", () => {
  const { tracer, ended } = own();
  const now = vi.spyOn(performance, "now").mockReturnValue(1000.25);
  const unix = vi.spyOn(Date, "now").mockReturnValue(performance.timeOrigin + 1000);
  tracer.startSpan("at once", {}, ROOT_CONTEXT).end();
  // The machine slept for a minute, in which `performance.now` stood still.
  unix.mockReturnValue(performance.timeOrigin + 61_000);
  tracer.startActiveSpan("after a sleep", {}, ROOT_CONTEXT, (late) => {
    now.mockReturnValue(1001.25);
    // A child takes its parent's clock, whatever happens in between.
    unix.mockReturnValue(performance.timeOrigin + 99_000);
    tracer.startSpan("child").end();
    late.end();
  });
  const unixMs = ([seconds, nanos]: [number, number]) =>
    seconds * 1000 + nanos / 1e6 - performance.timeOrigin;
  expect(ended.map((it) => [unixMs(it.startTime), unixMs(it.endTime)].map(Math.round))).toEqual([
    [1000, 1000],
    [61_001, 61_001],
    [61_000, 61_001],
  ]);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN)])(
  "%s is no time: the span has the present one",
  (noTime) => {
    const { tracer, ended } = own();
    const before = Date.now();
    tracer.startSpan("work", { startTime: noTime }).end(noTime);
    const [span] = ended;
    for (const [seconds] of [span?.startTime ?? [0], span?.endTime ?? [0]])
      expect(Math.abs(seconds - before / 1000)).toBeLessThan(60);
  },
);

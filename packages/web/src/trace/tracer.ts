import {
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import type { Sampler } from "../sampler.ts";
import { newSpanId, newTraceId as randomTraceId } from "./ids.ts";
import { createSpan, type InstrumentationScope, type RecordedSpan, type SpanData } from "./span.ts";
import { type Clock, createClock } from "./span-time.ts";
import { isSuppressed } from "./suppression.ts";

/** Told of every span that records. */
export interface SpanWatch {
  readonly onStart: (span: RecordedSpan, parentContext: Context) => void;
  readonly onEnd: (span: SpanData) => void;
}

export interface TracerOptions extends SpanWatch {
  /** 32 hex digits; random by default. */
  readonly newTraceId?: (() => string) | undefined;
  readonly sampler: Sampler;
}

/** What a span may be started with here besides what the API has. */
export interface OwnSpanOptions extends SpanOptions {
  /** Ids that a server has been told already; whether the span is kept is no longer asked either. */
  readonly spanContext?: SpanContext | undefined;
}

/** The tracers of this page; a span goes to `onStart` and `onEnd` as it is, nothing stands between. */
export function createTracerProvider(options: TracerOptions): TracerProvider {
  const clock = createClock();
  return { getTracer: (name, version) => createTracer({ name, version }, clock, options) };
}

function createTracer(
  instrumentationScope: InstrumentationScope,
  clock: Clock,
  { sampler, onStart, onEnd, newTraceId = randomTraceId }: TracerOptions,
): Tracer {
  function nextSpanContext(parent: SpanContext | undefined): SpanContext {
    const traceId = parent?.traceId ?? newTraceId();
    return {
      traceId,
      spanId: newSpanId(),
      traceFlags: sampler(traceId, parent) ? TraceFlags.SAMPLED : TraceFlags.NONE,
      traceState: parent?.traceState,
    } as SpanContext;
  }

  function startSpan(
    name: string,
    { root, kind = SpanKind.INTERNAL, spanContext: told, ...rest }: OwnSpanOptions = {},
    active: Context = context.active(),
  ): Span {
    if (isSuppressed(active)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    const parentContext = root ? trace.deleteSpan(active) : active;
    const above = trace.getSpanContext(parentContext);
    const parent = above && isSpanContextValid(above) ? above : undefined;
    const spanContext = told ?? nextSpanContext(parent);
    if (!(spanContext.traceFlags & TraceFlags.SAMPLED)) return trace.wrapSpanContext(spanContext);
    const span = createSpan({
      name,
      kind,
      spanContext,
      parentSpanContext: parent,
      instrumentationScope,
      clock,
      onEnd,
      ...rest,
    });
    onStart(span, parentContext);
    return span;
  }

  function startActiveSpan(name: string, ...rest: unknown[]): unknown {
    // `run` is the last of one, two or three: https://opentelemetry.io/docs/specs/otel/trace/api/#span-creation
    const run = rest.pop() as (span: Span) => unknown;
    const [options, parentContext = context.active()] = rest as [SpanOptions?, Context?];
    const span = startSpan(name, options, parentContext);
    return context.with(trace.setSpan(parentContext, span), run, undefined, span);
  }
  // The overloads of the API differ only in how many arguments they name.
  return { startSpan, startActiveSpan: startActiveSpan as Tracer["startActiveSpan"] };
}

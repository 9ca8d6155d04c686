import {
  type Context,
  context as contexts,
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
import { type InstrumentationScope, isTracingSuppressed } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import { type Sampler, SamplingDecision, type SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { type Clock, createClock } from "./clock.ts";
import { createIds, type Ids } from "./ids.ts";
import { isDropped, NO_SPAN, QuietSpan } from "./quiet-spans.ts";
import { dropRequest } from "./request-context.ts";
import { RecordedSpan, type SpanProcess } from "./span.ts";
import type { SpanLimits } from "./span-attributes.ts";

export interface TracerOptions {
  readonly sampler: Sampler;
  readonly processor: SpanProcessor;
  readonly resource: Resource;
  readonly limits: SpanLimits;
}

interface Parts {
  readonly sampler: Sampler;
  readonly processor: SpanProcessor;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly process: SpanProcess;
}

/** What Next.js looks for in the provider's constructor. */
const NOOP = { name: "NoopTracerProvider" };

/**
 * The tracers of this process. Where the active span is dropped the provider passes for the API's no-op one:
 * Next.js (`isOpenTelemetryEnabled` in its `server/lib/trace/tracer`) then skips its own work for each span, which
 * is most of what an unsampled request costs. A version that asks in another way costs more and traces the same.
 */
export function createTracerProvider({
  sampler,
  processor,
  resource,
  limits,
}: TracerOptions): TracerProvider {
  const parts: Parts = {
    sampler,
    processor,
    ids: createIds(),
    clock: createClock(),
    process: { resource, limits, onEnd: (span) => processor.onEnd(span) },
  };
  // Next.js asks for its tracer at every span.
  const tracers = new Map<string, Tracer>();
  const provider = {
    getTracer(name: string, version?: string): Tracer {
      const key = `${name}@${version ?? ""}`;
      const known = tracers.get(key);
      if (known) return known;
      const tracer = createTracer({ name, ...(version !== undefined && { version }) }, parts);
      tracers.set(key, tracer);
      return tracer;
    },
    get constructor() {
      return isDropped(trace.getSpan(contexts.active())) ? NOOP : Object;
    },
  };
  // Nobody calls the constructor, which the type of every object promises to be possible.
  return provider as unknown as TracerProvider;
}

function createTracer(scope: InstrumentationScope, parts: Parts): Tracer {
  const startSpan: Tracer["startSpan"] = (name, options = {}, active = contexts.active()) => {
    if (isTracingSuppressed(active)) return NO_SPAN;
    const above = options.root ? undefined : trace.getSpan(active);
    // Decided once for all below it.
    if (isDropped(above)) return above;
    return startBelow(above, { name, options, active, scope, parts });
  };

  function startActiveSpan(name: string, ...rest: unknown[]): unknown {
    // `run` is the last of one, two or three: https://opentelemetry.io/docs/specs/otel/trace/api/#span-creation
    const run = rest.pop() as (span: Span) => unknown;
    const [options, parent = contexts.active()] = rest as [SpanOptions?, Context?];
    const span = startSpan(name, options, parent);
    return contexts.with(trace.setSpan(parent, span), run, undefined, span);
  }
  // The overloads of the API differ only in how many arguments they name.
  return { startSpan, startActiveSpan: startActiveSpan as Tracer["startActiveSpan"] };
}

interface Start {
  readonly name: string;
  readonly options: SpanOptions;
  readonly active: Context;
  readonly scope: InstrumentationScope;
  readonly parts: Parts;
}

function startBelow(above: Span | undefined, { name, options, active, scope, parts }: Start): Span {
  const local = recordedOf(above);
  const parent = local?.spanContext() ?? validContextOf(above);
  const { kind = SpanKind.INTERNAL, attributes = {}, links, root } = options;
  const traceId = parent?.traceId ?? parts.ids.newTraceId();
  const parentContext = root ? trace.deleteSpan(active) : active;
  const result = parts.sampler.shouldSample(parentContext, traceId, name, kind, attributes, links ?? []);
  const isKept = result.decision !== SamplingDecision.NOT_RECORD;
  if (!isKept && local) return local.quiet;
  const isSampled = result.decision === SamplingDecision.RECORD_AND_SAMPLED;
  const traceState = result.traceState ?? parent?.traceState;
  const context = {
    traceId,
    spanId: parts.ids.newSpanId(),
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    ...(traceState && { traceState }),
  };
  if (!isKept) return drop(new QuietSpan(context), kind, active);
  const span = new RecordedSpan({
    name,
    kind,
    context,
    parent,
    startTime: options.startTime,
    origin: local ? local.origin : parts.clock(),
    attributes: result.attributes ? { ...attributes, ...result.attributes } : attributes,
    links,
    scope,
    process: parts.process,
  });
  parts.processor.onStart(span, active);
  return span;
}

function drop(span: QuietSpan, kind: SpanKind, active: Context): QuietSpan {
  // The first SERVER span decides for its request; with proxy.ts a second one starts beside it.
  if (kind === SpanKind.SERVER) dropRequest(active, span);
  return span;
}

function validContextOf(span: Span | undefined): SpanContext | undefined {
  const context = span?.spanContext();
  return context && isSpanContextValid(context) ? context : undefined;
}

function recordedOf(span: Span | undefined): RecordedSpan | undefined {
  if (span instanceof RecordedSpan) return span;
  return span instanceof QuietSpan ? span.noiseOf : undefined;
}

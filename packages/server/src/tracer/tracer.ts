import {
  type Context,
  context as contexts,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  type TimeInput,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { type InstrumentationScope, isTracingSuppressed } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import {
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { NEXT_SPAN_TYPE, OLD_HTTP_TARGET } from "@throughline/core/attributes";
import { guarded } from "../guarded.ts";
import { type Clock, createClock } from "./clock.ts";
import { DroppedSpan, NO_SPAN } from "./dropped-span.ts";
import { createIds, type Ids } from "./ids.ts";
import {
  decisionOf,
  dropRequest,
  type RequestDecision,
  type RequestScope,
  requestOf,
} from "./request-context.ts";
import { RecordedSpan, type SpanProcess } from "./span.ts";
import type { SpanLimits } from "./span-attributes.ts";

export interface RequestTracerProvider extends TracerProvider {
  /**
   * Decides about a request before its first span, as its SERVER span would: Next.js makes none, and none of the
   * contexts around it, where nothing is kept. `caller` is the context that the request's headers tell.
   */
  decide(caller: Context, target: string): RequestDecision;
}

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

const KEPT: SamplingResult = { decision: SamplingDecision.RECORD_AND_SAMPLED };

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
}: TracerOptions): RequestTracerProvider {
  const parts: Parts = {
    sampler,
    processor,
    ids: createIds(),
    clock: createClock(),
    // Whatever is wrong with a span, the code that ended it must not see it.
    process: { resource, limits, onEnd: guarded((span) => processor.onEnd(span), "a span was lost") },
  };
  const tracers = new Map<string, Map<string | undefined, Tracer>>();
  const provider = {
    // Next.js asks for its tracer at every span.
    getTracer(name: string, version?: string): Tracer {
      const known = tracers.get(name)?.get(version);
      if (known) return known;
      const tracer = createTracer({ name, ...(version !== undefined && { version }) }, parts);
      const versions = tracers.get(name) ?? new Map<string | undefined, Tracer>();
      tracers.set(name, versions.set(version, tracer));
      return tracer;
    },
    decide: (caller: Context, target: string) => decideRequest(parts, caller, target),
    get constructor() {
      return trace.getSpan(contexts.active()) instanceof DroppedSpan ? NOOP : Object;
    },
  };
  // Nobody calls the constructor, which the type of every object promises to be possible.
  return provider as unknown as RequestTracerProvider;
}

function createTracer(scope: InstrumentationScope, parts: Parts): Tracer {
  const startSpan: Tracer["startSpan"] = (name, options = {}, active = contexts.active()) => {
    if (isTracingSuppressed(active)) return NO_SPAN;
    const above = options.root ? undefined : trace.getSpan(active);
    // Decided once for all below it.
    if (above instanceof DroppedSpan) return above;
    return startBelow(above, { name, options, active, scope, parts });
  };

  function startActiveSpan(name: string, second: unknown, third?: unknown, fourth?: unknown): unknown {
    // `run` is the last of one, two or three: https://opentelemetry.io/docs/specs/otel/trace/api/#span-creation
    const run = (fourth ?? third ?? second) as (span: Span) => unknown;
    const options = run === second ? undefined : (second as SpanOptions | undefined);
    const parent = (fourth === undefined ? undefined : (third as Context | undefined)) ?? contexts.active();
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

function startBelow(above: Span | undefined, start: Start): Span {
  const { name, options, active, scope, parts } = start;
  const { kind = SpanKind.INTERNAL, attributes } = options;
  const local = above instanceof RecordedSpan ? above : undefined;
  const parent = local?.spanContext() ?? validContextOf(above);
  // Inside the process a trace is decided once. A SERVER span may still be of a request that nobody wants.
  const isDecided = parent !== undefined && local !== undefined && kind !== SpanKind.SERVER;
  if (isDecided && !isSampled(parent)) return local.dropped;
  const ahead = options.root ? undefined : decisionOf(active);
  const traceId = parent?.traceId ?? drawnIn(ahead) ?? parts.ids.newTraceId();
  const isKnown = !local && ahead?.traceId === traceId && (!parent || kind === SpanKind.SERVER);
  const result = isDecided ? KEPT : isKnown ? ahead.result : decide(start, traceId, kind);
  const request = requestPassed(start);
  const context = contextOf(traceId, spanIdOf(parts.ids, request, parent), result, parent);
  if (result.decision === SamplingDecision.NOT_RECORD) return drop(new DroppedSpan(context), kind, active);
  const span = new RecordedSpan({
    name,
    kind,
    context,
    parent,
    startTime: startTimeOf(options, request),
    origin: local?.origin ?? parts.clock(),
    attributes: result.attributes ? { ...attributes, ...result.attributes } : attributes,
    links: options.links,
    scope,
    process: parts.process,
  });
  parts.processor.onStart(span, active);
  return span;
}

/** The request that this is the SERVER span of a pass of Next.js over. */
function requestPassed({ options: { kind, attributes }, active }: Start): RequestScope | undefined {
  return kind === SpanKind.SERVER && attributes?.[NEXT_SPAN_TYPE] !== undefined
    ? requestOf(active)
    : undefined;
}

/** Next.js opens its first pass when it has found the route, which `next dev` may have to compile before. */
function startTimeOf({ startTime }: SpanOptions, request: RequestScope | undefined): TimeInput | undefined {
  return startTime ?? (request?.base.span === undefined ? request?.startMs : undefined);
}

/**
 * A further pass of Next.js over a request is not exported (`mergePasses`). It gets the id of the first, so that what
 * asks for the current span is told of one that is in the trace.
 */
function spanIdOf(ids: Ids, request: RequestScope | undefined, parent: SpanContext | undefined): string {
  const first = request?.base.span;
  // By its ids: Next.js hands them on in the request's headers.
  const isFurther =
    first instanceof RecordedSpan &&
    first.spanContext().traceId === parent?.traceId &&
    first.spanContext().spanId === parent.spanId;
  return isFurther ? parent.spanId : ids.newSpanId();
}

function drawnIn(decision: RequestDecision | undefined): string | undefined {
  return decision?.isDrawn ? decision.traceId : undefined;
}

function decideRequest({ sampler, ids }: Parts, caller: Context, target: string): RequestDecision {
  const parent = validContextOf(trace.getSpan(caller));
  const traceId = parent?.traceId ?? ids.newTraceId();
  const head = { [OLD_HTTP_TARGET]: target };
  const result = sampler.shouldSample(caller, traceId, "", SpanKind.SERVER, head, []);
  const isDropped = result.decision === SamplingDecision.NOT_RECORD;
  return {
    traceId,
    isDrawn: parent === undefined,
    result,
    caller,
    dropped: isDropped ? new DroppedSpan(contextOf(traceId, ids.newSpanId(), result, parent)) : undefined,
  };
}

function decide({ name, options, active, parts }: Start, traceId: string, kind: SpanKind): SamplingResult {
  const { root, attributes = {}, links = [] } = options;
  const parent = root ? trace.deleteSpan(active) : active;
  return parts.sampler.shouldSample(parent, traceId, name, kind, attributes, links);
}

function contextOf(
  traceId: string,
  spanId: string,
  { decision, traceState = undefined }: SamplingResult,
  parent: SpanContext | undefined,
): SpanContext {
  const traceFlags = decision === SamplingDecision.RECORD_AND_SAMPLED ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const state = traceState ?? parent?.traceState;
  return state ? { traceId, spanId, traceFlags, traceState: state } : { traceId, spanId, traceFlags };
}

function drop(span: DroppedSpan, kind: SpanKind, active: Context): DroppedSpan {
  // The first SERVER span decides for its request; with proxy.ts a second one starts beside it.
  if (kind === SpanKind.SERVER) dropRequest(active, span);
  return span;
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

function validContextOf(span: Span | undefined): SpanContext | undefined {
  const context = span?.spanContext();
  return context && isSpanContextValid(context) ? context : undefined;
}

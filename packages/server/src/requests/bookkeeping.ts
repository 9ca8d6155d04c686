import {
  type Attributes,
  context,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  type Tracer,
  type TracerProvider,
} from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NEXT_SPAN_TYPE } from "@throughline/core/attributes";
import { hostRequire } from "../host-files.ts";
import { viewOf } from "../pipeline/span-view.ts";
import { nextMeasuresItsSpans } from "../settings.ts";
import { standIn } from "../tracer/stand-in.ts";
import { withStartActive, wrapNextTracer } from "./next-tracer.ts";
import { isInUpgrade } from "./node-upgrades.ts";

// What Next.js does by itself: boot, module loading, zero-length marks; with NEXT_OTEL_VERBOSE=1 the functions around a
// request, which would stand between the caller's span and the SERVER span.
const BOOKKEEPING: ReadonlySet<unknown> = new Set([
  "NextServer.getRequestHandler",
  "NextServer.getRequestHandlerWithMetadata",
  "NextServer.getServerRequestHandler",
  "Instrumentation.loadModule",
  "Instrumentation.register",
  "LoadComponents.loadRouteModule",
  "AppRouteRouteModule.loadUserland",
  "RouteModule.prepare",
  "NextNodeServer.createComponentTree",
  "NextNodeServer.findPageComponents",
  "NextNodeServer.getLayoutOrPageModule",
  "NextNodeServer.startResponse",
  "NextNodeServer.clientComponentLoading",
]);

/** Whether a span is Next.js's own bookkeeping, which no app has written and no reader asks for. */
export function isBookkeeping(attributes: Attributes | undefined): boolean {
  return BOOKKEEPING.has(attributes?.[NEXT_SPAN_TYPE]);
}

/**
 * Has the tracers of this provider run Next.js's bookkeeping without a span. What the app does in it (the top level
 * of a module may fetch) stays below the span that was current, so nothing loses its parent and nothing is rewritten.
 */
export function skipBookkeeping(provider: TracerProvider): void {
  wrapNextTracer(provider, createSkippingTracer);
}

/** The module of Next.js that says which of its spans are made; it asks its exported set at every one. */
const CONSTANTS = /[\\/]next[\\/]dist[\\/]server[\\/]lib[\\/]trace[\\/]constants\.js$/;

/**
 * Takes the bookkeeping off Next.js's list of spans, so that it calls its functions as it does untraced: what it does for
 * a span (contexts, three promises) took a kept page some 40 µs, before `skipBookkeeping` was even asked. Where the list
 * is not found, nothing changes. Returns the undoing.
 */
export function hideBookkeeping(): () => void {
  if (nextMeasuresItsSpans()) return () => undefined;
  const { cache } = hostRequire();
  const path = Object.keys(cache).find((file) => CONSTANTS.test(file));
  const names: unknown = path && cache[path]?.exports?.NextVanillaSpanAllowlist;
  if (!(names instanceof Set)) return () => undefined;
  const hidden = [...BOOKKEEPING].filter((name) => names.delete(name));
  return () => {
    for (const name of hidden) names.add(name);
  };
}

/** Of an upgrade too its pass over the request, which runs proxy.ts: nobody merges the passes where there is no response. */
function isSkipped({ attributes, kind }: SpanOptions): boolean {
  return isBookkeeping(attributes) || (kind === SpanKind.SERVER && isInUpgrade(context.active()));
}

function createSkippingTracer(tracer: Tracer): Tracer {
  return {
    startSpan: (name, options = {}, parent = context.active()) =>
      isSkipped(options) ? standIn(parent) : tracer.startSpan(name, options, parent),
    startActiveSpan: withStartActive(tracer, (name, options, fn) =>
      isSkipped(options) ? fn(standIn(context.active())) : tracer.startActiveSpan(name, options, fn),
    ),
  };
}

/** Bookkeeping spans whose parents are remembered; a request has about ten. */
const REMEMBERED = 8192;

/**
 * The same for spans that somebody else's provider has made: they stay with it and do not reach `next`, and what hung
 * on them hangs on the nearest span above that does.
 */
export function dropBookkeeping(next: SpanProcessor, remembered: number = REMEMBERED): SpanProcessor {
  const dropped = new Map<string, SpanContext | undefined>();
  return {
    onStart(span, parent): void {
      if (!isBookkeeping(span.attributes)) {
        next.onStart(span, parent);
        return;
      }
      dropped.set(keyOf(span.spanContext()), span.parentSpanContext);
      const oldest = dropped.keys().next().value;
      if (dropped.size > remembered && oldest !== undefined) dropped.delete(oldest);
    },
    onEnd(span: ReadableSpan): void {
      if (isBookkeeping(span.attributes)) return;
      let parent = span.parentSpanContext;
      while (parent && dropped.has(keyOf(parent))) parent = dropped.get(keyOf(parent));
      next.onEnd(parent === span.parentSpanContext ? span : viewOf(span, { parentSpanContext: parent }));
    },
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

function keyOf({ traceId, spanId }: SpanContext): string {
  return `${traceId}${spanId}`;
}

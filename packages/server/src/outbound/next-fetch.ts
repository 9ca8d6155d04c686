import {
  type Attributes,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanOptions,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { redactUrl } from "@throughline/core";
import * as names from "@throughline/core/attributes";

const FETCH = "AppRender.fetch";

/**
 * Has Next.js's span of a `fetch` tell of cache hits and nothing else: what was asked of the network is a span of
 * undici's channels, whose id the header carries. A hit becomes an event on the span that called `fetch`.
 * Costs 2 µs a fetch more than NEXT_OTEL_FETCH_DISABLED=1, which hides the hits too.
 */
export function hearCacheHits(provider: TracerProvider): void {
  const original = provider.getTracer;
  const hearing = new WeakMap<Tracer, Tracer>();
  provider.getTracer = (...args) => {
    const tracer = Reflect.apply(original, provider, args);
    // The one name under which Next.js asks; the others are not slowed down.
    if (args[0] !== "next.js") return tracer;
    const known = hearing.get(tracer) ?? createHearingTracer(tracer);
    hearing.set(tracer, known);
    return known;
  };
}

function createHearingTracer(tracer: Tracer): Tracer {
  return {
    startSpan: (name, options, parent) => tracer.startSpan(name, options, parent),
    // Next.js calls it with (name, options, fn). The span above stays the current one.
    startActiveSpan: (...args: readonly unknown[]) => {
      const [, options, fn] = args;
      const attributes = args.length === 3 ? (options as SpanOptions).attributes : undefined;
      if (attributes?.[names.NEXT_SPAN_TYPE] === FETCH && typeof fn === "function") {
        return fn(createListener(trace.getActiveSpan(), attributes));
      }
      return Reflect.apply(tracer.startActiveSpan, tracer, args);
    },
  };
}

/** Stands in for Next.js's span. */
function createListener(caller: Span | undefined, asked: Attributes): Span {
  const listener = trace.wrapSpanContext(caller?.spanContext() ?? INVALID_SPAN_CONTEXT);
  if (!caller?.isRecording()) return listener;
  listener.setAttributes = (told) => {
    const status = told[names.NEXT_FETCH_CACHE_STATUS];
    // The caller may have ended while this went on in the background.
    if ((status === "hit" || status === "hmr") && caller.isRecording()) tellHit(caller, asked, told);
    return listener;
  };
  return listener;
}

function tellHit(caller: Span, asked: Attributes, told: Attributes): void {
  const url = asked[names.OLD_HTTP_URL];
  caller.addEvent(names.CACHE_HIT_EVENT, {
    [names.NEXT_FETCH_CACHE_STATUS]: told[names.NEXT_FETCH_CACHE_STATUS],
    [names.HTTP_REQUEST_METHOD]: asked[names.OLD_HTTP_METHOD],
    [names.HTTP_RESPONSE_STATUS_CODE]: told[names.OLD_HTTP_STATUS_CODE],
    ...(typeof url === "string" && URL.canParse(url) && { [names.URL_FULL]: redactUrl(new URL(url)) }),
  });
}

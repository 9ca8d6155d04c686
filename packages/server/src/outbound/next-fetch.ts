import {
  type Attributes,
  context,
  INVALID_SPAN_CONTEXT,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { redactUrl } from "@throughline/core";
import * as names from "@throughline/core/attributes";
import { type Traced, withStartActive, wrapNextTracer } from "../requests/next-tracer.ts";
import { watchNetworkUse } from "./network-use.ts";

const FETCH = "AppRender.fetch";

/**
 * Has Next.js's span of a `fetch` tell of what was answered without a request, and nothing else: what was asked of the
 * network is a span of undici's channels, whose id the header carries. A hit of the data cache, or a fetch that shares
 * the answer of an equal one, becomes an event on the span that called `fetch`.
 * Costs 2 µs a fetch more than NEXT_OTEL_FETCH_DISABLED=1, which hides the hits too.
 */
export function hearCacheHits(provider: TracerProvider): void {
  wrapNextTracer(provider, createHearingTracer);
}

function createHearingTracer(tracer: Tracer): Tracer {
  return {
    startSpan: (name, options, parent) => tracer.startSpan(name, options, parent),
    // The span above stays the current one.
    startActiveSpan: withStartActive(tracer, (name, options, fn) => {
      const { attributes } = options;
      return attributes?.[names.NEXT_SPAN_TYPE] === FETCH
        ? listen(fn, attributes)
        : tracer.startActiveSpan(name, options, fn);
    }),
  };
}

/** Runs a fetch of Next.js's with a stand-in for its span. */
function listen(fn: Traced, asked: Attributes): unknown {
  const caller = trace.getActiveSpan();
  const listener = trace.wrapSpanContext(caller?.spanContext() ?? INVALID_SPAN_CONTEXT);
  if (!caller?.isRecording()) return fn(listener);
  const { context: watched, use } = watchNetworkUse(context.active());
  listener.setAttributes = (told) => {
    const status = told[names.NEXT_FETCH_CACHE_STATUS];
    const isHit = status === "hit" || status === "hmr";
    // The caller may have ended while this went on in the background.
    if (caller.isRecording() && (isHit || !use.hasSent)) {
      caller.addEvent(isHit ? names.CACHE_HIT_EVENT : names.SHARED_FETCH_EVENT, describe(asked, told));
    }
    return listener;
  };
  return context.with(watched, fn, undefined, listener);
}

function describe(asked: Attributes, told: Attributes): Attributes {
  const url = asked[names.OLD_HTTP_URL];
  return {
    [names.NEXT_FETCH_CACHE_STATUS]: told[names.NEXT_FETCH_CACHE_STATUS],
    [names.HTTP_REQUEST_METHOD]: asked[names.OLD_HTTP_METHOD],
    [names.HTTP_RESPONSE_STATUS_CODE]: told[names.OLD_HTTP_STATUS_CODE],
    ...(typeof url === "string" && URL.canParse(url) && { [names.URL_FULL]: redactUrl(new URL(url)) }),
  };
}

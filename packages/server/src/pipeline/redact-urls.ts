import type { Attributes } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { redactQuery, redactUrl } from "@throughline/core";
import { URL_FULL, URL_QUERY } from "@throughline/core/attributes";
import { viewOf } from "./span-view.ts";

/** Takes credentials, fragments and query values out of every span's URL attributes before they leave. */
export function redactUrls(next: SpanProcessor): SpanProcessor {
  return {
    onStart: (span, context) => next.onStart(span, context),
    onEnd: (span) => next.onEnd(redacted(span)),
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

function redacted(span: ReadableSpan): ReadableSpan {
  const full = span.attributes[URL_FULL];
  const query = span.attributes[URL_QUERY];
  const changes: Attributes = {};
  if (typeof full === "string") changes[URL_FULL] = redactedUrl(full);
  if (typeof query === "string") changes[URL_QUERY] = redactQuery(query).slice(1);
  if (Object.keys(changes).length === 0) return span;
  const attributes = { ...span.attributes, ...changes };
  if (attributes[URL_QUERY] === "") delete attributes[URL_QUERY];
  return viewOf(span, { attributes });
}

function redactedUrl(text: string): string {
  try {
    return redactUrl(new URL(text));
  } catch {
    return "REDACTED";
  }
}

import type { Attributes, AttributeValue } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { redactQuery, scrub } from "@throughline/core";
import { URL_QUERY } from "@throughline/core/attributes";
import { type SpanChanges, viewOf } from "./span-view.ts";

/** Has every text of a span pass the scrubber of the core before it leaves: whose instrumentation wrote it is all the same. */
export function redactUrls(next: SpanProcessor): SpanProcessor {
  return {
    onStart: (span, context) => next.onStart(span, context),
    onEnd: (span) => next.onEnd(redacted(span)),
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

function redacted(span: ReadableSpan): ReadableSpan {
  const { name, status } = span;
  const message = status.message && scrub(status.message);
  const changes: SpanChanges = {
    name: scrub(name),
    attributes: redactedAttributes(span.attributes),
    status: message && message !== status.message ? { ...status, message } : status,
    events: redactedEach(span.events),
    links: redactedEach(span.links),
  };
  const isClean = Object.entries(changes).every(([key, value]) => Reflect.get(span, key) === value);
  return isClean ? span : viewOf(span, changes);
}

/** The list itself where nothing had to go. */
function redactedEach<T extends { readonly attributes?: Attributes }>(list: T[]): T[] {
  const safe = list.map((item) => {
    const attributes = item.attributes && redactedAttributes(item.attributes);
    return attributes === item.attributes ? item : { ...item, attributes };
  });
  return safe.every((item, index) => item === list[index]) ? list : safe;
}

/** The attributes themselves where nothing had to go. */
function redactedAttributes(attributes: Attributes): Attributes {
  const changes: Attributes = {};
  for (const [key, value] of Object.entries(attributes)) {
    const safe = key === URL_QUERY ? redactQuery(String(value)).slice(1) : redactedValue(value);
    if (safe !== value) changes[key] = safe === "" ? undefined : safe;
  }
  if (Object.keys(changes).length === 0) return attributes;
  return Object.fromEntries(
    Object.entries({ ...attributes, ...changes }).filter(([, value]) => value !== undefined),
  );
}

function redactedValue(value: AttributeValue | undefined): AttributeValue | undefined {
  if (typeof value === "string") return scrub(value);
  if (!Array.isArray(value)) return value;
  const safe = value.map((item) => (typeof item === "string" ? scrub(item) : item));
  // The elements keep their types.
  return safe.every((item, index) => item === value[index]) ? value : (safe as AttributeValue);
}

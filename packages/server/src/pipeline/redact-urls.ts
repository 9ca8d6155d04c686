import type { Attributes, AttributeValue, SpanStatus } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { redactQuery, scrub } from "@throughline/core";
import { URL_QUERY } from "@throughline/core/attributes";
import { isSecret, REDACTED } from "../secrets.ts";
import { viewOf } from "./span-view.ts";

/** A text up to this length is remembered where nothing had to go; a longer one seldom comes again. */
const SHORT_TEXT = 1000;
const REMEMBERED = 1000;
/** Routes, methods, hosts, statements: what most spans are made of. None of them holds a secret. */
const clean = new Set<string>();

function scrubbed(text: string): string {
  if (clean.has(text)) return text;
  const safe = scrub(text);
  if (safe !== text || text.length > SHORT_TEXT) return safe;
  if (clean.size >= REMEMBERED) clean.clear();
  clean.add(text);
  return text;
}

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
  const name = scrubbed(span.name);
  const attributes = redactedAttributes(span.attributes);
  const status = redactedStatus(span.status);
  const events = redactedEach(span.events);
  const links = redactedEach(span.links);
  const isClean =
    name === span.name &&
    attributes === span.attributes &&
    status === span.status &&
    events === span.events &&
    links === span.links;
  return isClean ? span : viewOf(span, { name, attributes, status, events, links });
}

/** The status itself where nothing had to go. */
function redactedStatus(status: SpanStatus): SpanStatus {
  const message = status.message && scrub(status.message);
  return message === status.message ? status : { ...status, ...(message && { message }) };
}

/** The list itself where nothing had to go. */
function redactedEach<T extends { readonly name?: string; readonly attributes?: Attributes }>(
  list: T[],
): T[] {
  if (list.length === 0) return list;
  const safe = list.map((item) => {
    const attributes = item.attributes && redactedAttributes(item.attributes);
    const name = item.name && scrubbed(item.name);
    return attributes === item.attributes && name === item.name
      ? item
      : { ...item, attributes, ...(name && { name }) };
  });
  return safe.every((item, index) => item === list[index]) ? list : safe;
}

/** The attributes themselves where nothing had to go. */
function redactedAttributes(attributes: Attributes): Attributes {
  let changed: Attributes | undefined;
  for (const key in attributes) {
    const value = attributes[key];
    const safe = redactedValue(key, value);
    if (safe === value) continue;
    changed ??= { ...attributes };
    if (safe === "") delete changed[key];
    else changed[key] = safe;
  }
  return changed ?? attributes;
}

function redactedItem(key: string, item: unknown): unknown {
  if (isSecret(key, item)) return REDACTED;
  return typeof item === "string" ? scrubbed(item) : item;
}

function redactedValue(key: string, value: AttributeValue | undefined): AttributeValue | undefined {
  if (key === URL_QUERY) return redactQuery(String(value)).slice(1);
  // Each item keeps its type, or becomes a text.
  if (!Array.isArray(value)) return redactedItem(key, value) as AttributeValue | undefined;
  const safe = value.map((item) => redactedItem(key, item));
  return safe.every((item, index) => item === value[index]) ? value : (safe as AttributeValue);
}

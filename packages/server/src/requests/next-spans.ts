import { type Attributes, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import * as names from "@throughline/core/attributes";
import { requestSpanName } from "@throughline/core/attributes";
import { viewOf } from "../pipeline/span-view.ts";
import { digestOf, messageOf } from "./request-error.ts";
import type { ResponseRecord } from "./response-record.ts";
import { appendServerTiming } from "./server-timing.ts";

const HANDLE_REQUEST = "BaseServer.handleRequest";

/**
 * Makes Next.js's spans what the conventions ask for: stable attributes, `{method} {route}`, ERROR from 500 on,
 * and one SERVER span a request. With proxy.ts Next.js opens two; the outer one ends before the page is rendered,
 * so it is held until the response is sent and leaves as INTERNAL `next.proxy` when a second one has started.
 */
export function nextSpans(next: SpanProcessor, current: () => ResponseRecord | undefined): SpanProcessor {
  const owners = new WeakMap<object, ResponseRecord>();
  const waiting = new Set<ResponseRecord>();

  const release = (record: ResponseRecord): void => {
    const { held } = record;
    if (!held) return;
    record.held = undefined;
    waiting.delete(record);
    next.onEnd(exported(held, record));
  };

  const hold = (record: ResponseRecord, span: ReadableSpan): void => {
    record.held = span;
    waiting.add(record);
    record.response.once("close", () => release(record));
  };

  return {
    onStart(span: Span, context): void {
      next.onStart(span, context);
      const record = isRequest(span) ? current() : undefined;
      if (!record) return;
      owners.set(span, record);
      record.latest = span;
      if (record.first === undefined) {
        record.first = span;
        appendServerTiming(record.response, span.spanContext(), Date.now());
        return;
      }
      record.joined = true;
      release(record);
    },
    onEnd(span: ReadableSpan): void {
      const record = owners.get(span);
      if (record && mustWait(record, span)) hold(record, span);
      else next.onEnd(exported(span, record));
    },
    forceFlush: () => next.forceFlush(),
    shutdown(): Promise<void> {
      for (const record of [...waiting]) release(record);
      return next.shutdown();
    },
  };
}

/** The first SERVER span of a response that is still open: a second one may come. */
function mustWait(record: ResponseRecord, span: ReadableSpan): boolean {
  if (record.first !== span || record.joined) return false;
  return !record.response.writableEnded && !record.response.closed;
}

function exported(span: ReadableSpan, record: ResponseRecord | undefined): ReadableSpan {
  if (span.attributes[names.NEXT_SPAN_TYPE] === undefined) return span;
  if (!isRequest(span)) return viewOf(span, { attributes: stableAttributes(span) });
  return record?.first === span && record.joined ? proxySpan(span) : serverSpan(span, record);
}

function isRequest(span: ReadableSpan): boolean {
  return span.kind === SpanKind.SERVER && span.attributes[names.NEXT_SPAN_TYPE] === HANDLE_REQUEST;
}

function serverSpan(span: ReadableSpan, record: ResponseRecord | undefined): ReadableSpan {
  const attributes = stableAttributes(span);
  if (record) {
    attributes[names.URL_SCHEME] = schemeOf(record);
    // A span that had ended when the failure was told.
    Object.assign(attributes, digestOf(record.failure));
    // Next.js writes 200 for a redirect that proxy.ts made; the response knows better once it is sent.
    if (record.response.headersSent) attributes[names.HTTP_RESPONSE_STATUS_CODE] = record.response.statusCode;
  }
  const method = String(attributes[names.HTTP_REQUEST_METHOD] ?? "HTTP");
  const route = attributes[names.HTTP_ROUTE];
  const changes = {
    name: requestSpanName(method, typeof route === "string" ? route : undefined),
    attributes,
  };
  const message = failureOf(attributes, record);
  if (message === undefined) return viewOf(span, changes);
  return viewOf(span, { ...changes, status: { code: SpanStatusCode.ERROR, ...(message && { message }) } });
}

function proxySpan(span: ReadableSpan): ReadableSpan {
  // Its status is a guess made before the page was rendered.
  const { [names.HTTP_RESPONSE_STATUS_CODE]: _guess, ...attributes } = stableAttributes(span);
  return viewOf(span, { name: "next.proxy", kind: SpanKind.INTERNAL, attributes });
}

/** The message of the failure, empty where only the status tells of it; `undefined`: no failure. */
function failureOf(attributes: Attributes, record: ResponseRecord | undefined): string | undefined {
  const status = attributes[names.HTTP_RESPONSE_STATUS_CODE];
  const failed = typeof status === "number" && status >= 500;
  if (failed) attributes[names.ERROR_TYPE] ??= String(status);
  if (record?.failure !== undefined) return messageOf(record.failure);
  return failed ? "" : undefined;
}

function schemeOf({ response }: ResponseRecord): string {
  const forwarded = response.req.headers["x-forwarded-proto"];
  if (typeof forwarded === "string") return forwarded.split(",", 1)[0]?.trim() ?? "http";
  return "encrypted" in response.req.socket ? "https" : "http";
}

/** The old HTTP attributes under their stable names: https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/ */
function stableAttributes(span: ReadableSpan): Attributes {
  const {
    [names.OLD_HTTP_METHOD]: method,
    [names.OLD_HTTP_STATUS_CODE]: status,
    [names.OLD_HTTP_TARGET]: target,
    [names.OLD_HTTP_URL]: url,
    ...kept
  } = span.attributes;
  const attributes: Attributes = kept;
  if (method !== undefined) attributes[names.HTTP_REQUEST_METHOD] ??= method;
  if (status !== undefined) attributes[names.HTTP_RESPONSE_STATUS_CODE] ??= Number(status);
  if (url !== undefined) attributes[names.URL_FULL] ??= url;
  if (typeof target === "string") {
    const cut = target.indexOf("?");
    attributes[names.URL_PATH] ??= cut < 0 ? target : target.slice(0, cut);
    if (cut >= 0) attributes[names.URL_QUERY] ??= target.slice(cut + 1);
  }
  return attributes;
}

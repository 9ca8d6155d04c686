import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { IncomingMessage, type ServerResponse } from "node:http";
import { type Attributes, type Meter, SpanKind, TraceFlags, ValueType } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import * as names from "@throughline/core/attributes";
import { openResponses } from "../requests/open-responses.ts";
import { isOver, onceOver } from "../requests/response-over.ts";

// https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
const DURATION = "http.server.request.duration";
const ACTIVE = "http.server.active_requests";
const BOUNDARIES_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Any text can stand for a method in a request; a caller must not choose how many series there are. */
const METHODS: ReadonlySet<unknown> = new Set(
  "CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE".split(" "),
);
const STARTED = "http.server.request.start";

/** Measures each SERVER span, kept or not, and hands on those that are kept. */
export function measureRequests(meter: Meter, next: SpanProcessor): SpanProcessor {
  const duration = meter.createHistogram(DURATION, {
    unit: "s",
    description: "Duration of HTTP server requests, to the last byte of the response.",
    valueType: ValueType.DOUBLE,
    advice: { explicitBucketBoundaries: BOUNDARIES_S },
  });
  return {
    onStart: (span, context) => next.onStart(span, context),
    onEnd(span): void {
      if (isRequest(span)) duration.record(span.duration[0] + span.duration[1] / 1e9, seriesOf(span));
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) next.onEnd(span);
    },
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

/** Counts the requests that are being served, noise left out. Returns the undoing. */
export function countActiveRequests(
  meter: Meter,
  isNoise: (request: IncomingMessage) => boolean,
): () => void {
  const active = meter.createUpDownCounter(ACTIVE, {
    unit: "{request}",
    description: "Requests that are being served.",
    valueType: ValueType.INT,
  });
  const count = (request: unknown, response: ServerResponse): void => {
    if (!(request instanceof IncomingMessage) || isNoise(request)) return;
    const series = { [names.HTTP_REQUEST_METHOD]: methodOf(request.method) };
    active.add(1, series);
    onceOver(response, () => active.add(-1, series));
  };
  const onStart = (message: unknown): void => {
    const { request, response } = message as { request: unknown; response: ServerResponse };
    count(request, response);
  };
  subscribe(STARTED, onStart);
  // What Next.js lets wait until `register` has run.
  for (const response of openResponses()) if (!isOver(response)) count(response.req, response);
  return () => unsubscribe(STARTED, onStart);
}

function isRequest(span: ReadableSpan): boolean {
  return span.kind === SpanKind.SERVER && span.attributes[names.HTTP_REQUEST_METHOD] !== undefined;
}

function seriesOf({ attributes }: ReadableSpan): Attributes {
  const series: Attributes = {
    [names.HTTP_REQUEST_METHOD]: methodOf(attributes[names.HTTP_REQUEST_METHOD]),
    [names.URL_SCHEME]: attributes[names.URL_SCHEME] ?? "http",
  };
  for (const name of [names.HTTP_ROUTE, names.HTTP_RESPONSE_STATUS_CODE, names.ERROR_TYPE]) {
    const value = attributes[name];
    if (value !== undefined) series[name] = value;
  }
  return series;
}

function methodOf(method: unknown): string {
  return METHODS.has(method) ? String(method) : "_OTHER";
}

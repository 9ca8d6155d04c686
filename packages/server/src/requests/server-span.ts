import { type Attributes, type SpanStatus, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan, TimedEvent } from "@opentelemetry/sdk-trace-base";
import * as names from "@throughline/core/attributes";
import { requestSpanName } from "@throughline/core/attributes";
import { errorText } from "../error-text.ts";
import { methodOf } from "../outbound/method.ts";
import type { SpanChanges } from "../pipeline/span-view.ts";
import { RecordedSpan } from "../tracer/span.ts";
import { isRoute, routeByNext } from "./next-route.ts";
import { schemeOf } from "./request-address.ts";
import {
  attributesOf,
  exceptionOf,
  type Failure,
  isAnswer,
  isOfLeaving,
  isOfPiping,
} from "./request-error.ts";
import { endOf, isOver } from "./response-over.ts";
import type { ResponseRecord } from "./response-record.ts";
import { stableAttributes } from "./stable-attributes.ts";

/**
 * What becomes of the one SERVER span of a request as it leaves: named `{method} {route}`, with stable attributes, with what the
 * further passes of Next.js over the same request have found out, and ERROR where the request failed.
 */
export function serverSpan(
  span: ReadableSpan,
  record: ResponseRecord | undefined,
  passes: readonly ReadableSpan[],
): SpanChanges & Pick<ReadableSpan, "attributes"> {
  const attributes = stableAttributes(span.attributes);
  if (passes.length > 0) {
    for (const pass of passes) Object.assign(attributes, stableAttributes(pass.attributes));
    keepAddress(attributes, stableAttributes(span.attributes));
  }
  if (record) tellResponse(attributes, record);
  const method = nameMethod(attributes);
  const template = attributes[names.HTTP_ROUTE];
  // A service of its own may well have a route called `/404`.
  const isOwn = span.attributes[names.NEXT_SPAN_TYPE] === undefined && typeof template === "string";
  const route = isOwn || isRoute(template) ? template : undefined;
  if (route === undefined) delete attributes[names.HTTP_ROUTE];
  const name = requestSpanName(method, route);
  const failure = failureIn(record);
  const told = toldBy(span, passes, attributes);
  const seen = failure ? { ...told, events: told.events.filter((event) => !isOfPiping(event)) } : told;
  if (attributes[names.ABORTED] && record?.failure && isOfLeaving(record.failure, record.response))
    return { name, attributes, ...leaving(seen, attributes, record.failure) };
  const origin = span instanceof RecordedSpan ? span.origin : performance.timeOrigin;
  return { name, attributes, ...failureOf(seen, attributes, failure, origin) };
}

/** What was told, else what the answer was broken off with. */
function failureIn(record: ResponseRecord | undefined): Failure | undefined {
  const error = record?.end?.error;
  const told = record?.failure && !isAnswer(record.failure, record.end?.status) ? record.failure : undefined;
  return told ?? (error && { error, atMs: performance.now(), isLate: true });
}

/** Next.js writes what it knew when its own work ended; the response knows better once it is sent, or never will be. */
function tellResponse(attributes: Attributes, record: ResponseRecord): void {
  const { response } = record;
  attributes[names.URL_SCHEME] ??= schemeOf(response.req);
  const end = record.end ?? endOf(response);
  if (end.status !== undefined) attributes[names.HTTP_RESPONSE_STATUS_CODE] = end.status;
  else if (isOver(response)) delete attributes[names.HTTP_RESPONSE_STATUS_CODE];
  if (isOver(response) && end.isLeft) attributes[names.ABORTED] = true;
  // With NEXT_OTEL_VERBOSE=1 Next.js does not find its own SERVER span to write the route on.
  const route = attributes[names.HTTP_ROUTE] ?? routeByNext(response.req);
  if (route !== undefined) attributes[names.HTTP_ROUTE] = route;
}

/** A rewrite gives the later pass another address; the caller asked for the first. */
function keepAddress(attributes: Attributes, first: Attributes): void {
  for (const key of [names.URL_PATH, names.URL_QUERY]) {
    if (first[key] === undefined) delete attributes[key];
    else attributes[key] = first[key];
  }
}

/** Writes the request's method as the conventions name it. Returns what stands in the span's name. */
function nameMethod(attributes: Attributes): string {
  const text = attributes[names.HTTP_REQUEST_METHOD];
  if (typeof text !== "string" || text === "_OTHER") return "HTTP";
  const { name, spanName, original } = methodOf(text);
  attributes[names.HTTP_REQUEST_METHOD] = name;
  if (original !== undefined) attributes[names.HTTP_REQUEST_METHOD_ORIGINAL] ??= original;
  return spanName;
}

/** What Next.js throws to itself for an address of which no page was made ahead: it answers with another page, or 404. */
const NO_FALLBACK = /\bNoFallbackError$/;

function toldBy(span: ReadableSpan, passes: readonly ReadableSpan[], attributes: Attributes): Told {
  const all = passes.length === 0 ? [span] : [span, ...passes];
  const failures = all.filter(({ status }) => status.code === SpanStatusCode.ERROR);
  const failed = failures.find(({ status }) => !NO_FALLBACK.test(status.message ?? ""));
  const events = passes.length === 0 ? span.events : all.flatMap((each) => each.events);
  if (failures.every((each) => each === failed)) return { events, status: failed?.status };
  if (!failed) delete attributes[names.ERROR_TYPE];
  const isAnswer = ({ attributes: of }: TimedEvent): boolean =>
    NO_FALLBACK.test(String(of?.[names.EXCEPTION_MESSAGE]));
  return { events: events.filter((event) => !isAnswer(event)), status: failed?.status ?? UNSET };
}

const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };

interface Told {
  readonly events: TimedEvent[];
  readonly status: SpanStatus | undefined;
}

/** Of a request that failed because its caller had gone: the 500 that Next.js then makes of it nobody was sent. */
function leaving({ events }: Told, attributes: Attributes, { error }: Failure): SpanChanges {
  const code = attributes[names.HTTP_RESPONSE_STATUS_CODE];
  if (typeof code === "number" && code >= 500) delete attributes[names.HTTP_RESPONSE_STATUS_CODE];
  delete attributes[names.ERROR_TYPE];
  const message = errorText(error);
  return {
    events: events.filter(({ attributes: told }) => told?.[names.EXCEPTION_MESSAGE] !== message),
    status: UNSET,
  };
}

function failureOf(
  { events, status }: Told,
  attributes: Attributes,
  failure: Failure | undefined,
  origin: number,
): SpanChanges {
  if (failure) {
    Object.assign(attributes, attributesOf(failure));
    const exception = exceptionOf(failure, origin);
    // Where an error leaves the last of its functions, Next.js has written it down too.
    const isKnown = events.some(
      ({ attributes: known }) =>
        known?.[names.EXCEPTION_MESSAGE] === exception.attributes?.[names.EXCEPTION_MESSAGE],
    );
    return {
      events: isKnown ? events : [...events, exception],
      status: { code: SpanStatusCode.ERROR, message: errorText(failure.error) },
    };
  }
  const code = attributes[names.HTTP_RESPONSE_STATUS_CODE];
  if (typeof code === "number" && code >= 500) {
    attributes[names.ERROR_TYPE] ??= String(code);
    return {
      events,
      status: status?.code === SpanStatusCode.ERROR ? status : { code: SpanStatusCode.ERROR },
    };
  }
  return status ? { events, status } : { events };
}

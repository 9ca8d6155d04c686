import { channel } from "node:diagnostics_channel";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import {
  type Attributes,
  type Context,
  defaultTextMapGetter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from "@opentelemetry/api";

import { getRPCMetadata, RPCType, setRPCMetadata } from "@opentelemetry/core";
import * as names from "@throughline/core/attributes";
import { requestSpanName } from "@throughline/core/attributes";
import { errorText } from "../error-text.ts";
import { guarded } from "../guarded.ts";
import { warnOfFailure } from "../log.ts";
import { callerLinks } from "../outbound/caller-trust.ts";
import { methodOf } from "../outbound/method.ts";
import { watchLastByte } from "./last-byte.ts";
import { openResponses } from "./open-responses.ts";
import { clientAddressOf, schemeOf, serverAddressOf } from "./request-address.ts";
import { attributesOf as attributesOfFailure } from "./request-error.ts";
import { endOf, isOver, onceOver } from "./response-over.ts";
import { appendServerTiming } from "./server-timing.ts";
import { silence } from "./silence.ts";
import { markTaken } from "./taken.ts";

export interface IncomingOptions {
  /** The route template of a request (`/stock/{sku}`), which plain node:http cannot know; asked when it has ended. */
  readonly route: ((request: IncomingMessage) => string | undefined) | undefined;
  /** Whether a request is noise: it and what it runs make no spans and send no context. */
  readonly isNoise: (request: IncomingMessage) => boolean;
  /** How the caller's context is read, where not by the global propagator. */
  readonly extract?: (headers: IncomingHttpHeaders, getter: TextMapGetter) => Context;
  /** Makes a context the active one for the rest of what the request runs. */
  readonly enter: (context: Context) => void;
  /** Makes it the active one in what listens to the request. */
  readonly bind: (context: Context, request: IncomingMessage) => void;
}

/** One SERVER span for each request that a plain Node server takes, until its response is sent or given up. */
export function traceNodeRequests(tracer: Tracer, options: IncomingOptions): () => void {
  const started = channel("http.server.request.start");
  const onStart = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    try {
      options.enter(take(tracer, options, { request, response }));
    } catch (error) {
      // Else the context of the request before it on this connection would hold.
      options.enter(ROOT_CONTEXT);
      warnOfFailure(UNTRACED, error, "It is served without; please report this");
    }
  };
  started.subscribe(onStart);
  // Next.js listens before it calls `register`. What these run is out of reach: their contexts were made without us.
  const takeEarly = guarded((response: ServerResponse) => {
    if (!isOver(response)) take(tracer, options, { request: response.req, response });
  }, UNTRACED);
  for (const response of openResponses()) takeEarly(response);
  return () => {
    started.unsubscribe(onStart);
  };
}

const UNTRACED = "a request could not be traced";

/**
 * From Node 24 on a context is bound to what waits, not to the resource it waits for: the parser of a connection tells
 * of a body in the context in which the connection came. https://github.com/nodejs/node/pull/55552
 */
const LOSES_BODY_CONTEXT = Number(process.versions.node.split(".", 1)[0]) >= 24;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The context that the request runs in. */
function take(tracer: Tracer, options: IncomingOptions, exchange: Exchange): Context {
  const { route, isNoise, extract, bind } = options;
  const { request, response } = exchange;
  if (isNoise(request)) return silence(ROOT_CONTEXT);
  const parent = extract
    ? extract(request.headers, defaultTextMapGetter)
    : propagation.extract(ROOT_CONTEXT, request.headers);
  const span = openServerSpan(tracer, request, parent);
  const active = markTaken(trace.setSpan(parent, span), request.headers.traceparent);
  appendServerTiming(response, span.spanContext(), Date.now());
  if (LOSES_BODY_CONTEXT) bind(active, request);
  if (!span.isRecording()) return active;
  // Where instrumentations of routers leave the route.
  const routed = setRPCMetadata(active, { type: RPCType.HTTP, span });
  const sentAt = watchLastByte(response);
  onceOver(response, () => {
    nameByRoute(span, request, routeOf(request, route) ?? getRPCMetadata(routed)?.route);
    describe(span, response);
    span.end(sentAt());
  });
  return routed;
}

/** The SERVER span of a request that nobody else has opened one for; `parent` is the context that its headers tell. */
export function openServerSpan(
  tracer: Tracer,
  request: IncomingMessage,
  parent: Context,
  startTime?: number,
): Span {
  return tracer.startSpan(
    methodOf(request.method ?? "GET").spanName,
    {
      kind: SpanKind.SERVER,
      attributes: attributesOf(request),
      links: callerLinks(parent),
      ...(startTime !== undefined && { startTime }),
    },
    parent,
  );
}

export function nameByRoute(span: Span, request: IncomingMessage, route: string | undefined): void {
  if (route === undefined) return;
  span.setAttribute(names.HTTP_ROUTE, route);
  span.updateName(requestSpanName(methodOf(request.method ?? "GET").spanName, route));
}

function describe(span: Span, response: ServerResponse): void {
  if (response.headersSent) span.setAttribute(names.HTTP_RESPONSE_STATUS_CODE, response.statusCode);
  const { isLeft, error } = endOf(response);
  if (isLeft) span.setAttribute(names.ABORTED, true);
  if (error) fail(span, error);
  else if (response.headersSent && response.statusCode >= 500) {
    span.setAttribute(names.ERROR_TYPE, String(response.statusCode));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
}

/** This side broke the answer off. */
function fail(span: Span, error: Error): void {
  span.setAttributes(attributesOfFailure({ error }));
  span.recordException(error);
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(error) });
}

/** By the app's own word. */
export function routeOf(request: IncomingMessage, route: IncomingOptions["route"]): string | undefined {
  try {
    return route?.(request);
  } catch (error) {
    warnOfFailure(
      "the route option threw",
      error,
      "Correct it; where it throws, a span is named by its method alone",
    );
    return undefined;
  }
}

function attributesOf(request: IncomingMessage): Attributes {
  const { headers, httpVersion, method = "GET", socket, url = "/" } = request;
  const { name, original } = methodOf(method);
  const scheme = schemeOf(request);
  const { address, port } = serverAddressOf(headers, scheme);
  const cut = url.indexOf("?");
  const { remoteAddress, remotePort } = socket;
  const attributes: Attributes = {
    [names.HTTP_REQUEST_METHOD]: name,
    [names.URL_SCHEME]: scheme,
    [names.URL_PATH]: cut < 0 ? url : url.slice(0, cut),
    [names.NETWORK_PROTOCOL_VERSION]: httpVersion,
    [names.CLIENT_ADDRESS]: clientAddressOf(headers) ?? remoteAddress,
    [names.NETWORK_PEER_ADDRESS]: remoteAddress,
    [names.NETWORK_PEER_PORT]: remotePort,
    [names.SERVER_ADDRESS]: address,
    [names.SERVER_PORT]: port,
    [names.USER_AGENT_ORIGINAL]: headers["user-agent"],
  };
  if (cut >= 0 && cut < url.length - 1) attributes[names.URL_QUERY] = url.slice(cut + 1);
  if (original !== undefined) attributes[names.HTTP_REQUEST_METHOD_ORIGINAL] = original;
  return attributes;
}

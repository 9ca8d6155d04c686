import {
  type Attributes,
  type Context,
  type ContextManager,
  isSpanContextValid,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { isIgnored, mayPropagate, redactUrl, type UrlRules } from "@throughline/core";
import {
  ABORTED,
  ENDED_BY,
  ERROR_TYPE,
  HTTP_REQUEST_METHOD,
  HTTP_RESPONSE_STATUS_CODE,
  PARENT,
  PROPAGATION,
  SERVER_ADDRESS,
  SERVER_PORT,
  URL_FULL,
} from "@throughline/core/attributes";
import { type FetchCall, isPrefetch, normalMethod, readCall, withHeader } from "./fetch-call.ts";
import type { Later } from "./later.ts";
import { patchMethod, type Stop } from "./patch-method.ts";
import { TRACEPARENT, traceparentOf, unsampledTraceparent } from "./propagator.ts";
import { watchBody } from "./response-body.ts";

/** A response that nobody began to read for so long counts as one that nobody reads. */
const UNREAD_MS = 1000;

export interface FetchTracing {
  readonly tracer: Tracer;
  readonly manager: ContextManager;
  readonly rules: UrlRules;
  readonly propagation: "same-origin" | "off";
  /** The parent to assume when the code that fetches has no context. */
  readonly inferParent: () => Context | undefined;
  readonly later: Later;
}

export interface TracedFetch {
  readonly stop: Stop;
  /** Ends the spans of responses that nobody reads. */
  settle(): void;
  /** Ends every span that is still open. */
  cut(reason: string): void;
}

/** A request on its way; `headersAt` is set while its response waits to be read. */
interface Flight {
  readonly span: Span;
  readonly signal: AbortSignal | undefined;
  headersAt: number | undefined;
  cancelUnread: Stop;
}

type Fetch = (...args: unknown[]) => unknown;

/**
 * One CLIENT span for each `fetch`, with `traceparent` where the URL rules allow it. The span ends with the
 * last byte the app reads, with the headers when it reads none, or with what broke the request off.
 */
export function traceFetch(tracing: FetchTracing): TracedFetch {
  const flights = new Set<Flight>();

  function end(flight: Flight, time?: number): void {
    if (!flights.delete(flight)) return;
    flight.cancelUnread();
    flight.span.end(time);
  }

  function fail(flight: Flight, error: unknown): void {
    if (!flights.has(flight)) return;
    const name = error instanceof Error ? error.name : typeof error;
    // JSON that cannot be parsed arrived in full.
    if (name === "SyntaxError") return end(flight);
    if (isAbort(error, name, flight.signal)) flight.span.setAttribute(ABORTED, true);
    else {
      flight.span.setAttribute(ERROR_TYPE, name);
      flight.span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    }
    end(flight);
  }

  function receive(flight: Flight, response: unknown): void {
    if (!(response instanceof Response)) return end(flight);
    const { span } = flight;
    if (response.status > 0) span.setAttribute(HTTP_RESPONSE_STATUS_CODE, response.status);
    if (response.status >= 400) {
      span.setAttribute(ERROR_TYPE, String(response.status));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    if (response.body === null) return end(flight);
    const headersAt = performance.now();
    flight.headersAt = headersAt;
    flight.cancelUnread = tracing.later(() => end(flight, headersAt), UNREAD_MS);
    watchBody(response, {
      started() {
        flight.headersAt = undefined;
        flight.cancelUnread();
      },
      ended: (error) => (error === undefined ? end(flight) : fail(flight, error)),
    });
  }

  function run(call: FetchCall, fetch: Fetch): unknown {
    const propagation = propagationOf(call, tracing);
    const send = (traceparent: string): unknown =>
      propagation === "sent"
        ? fetch(...withHeader(call, TRACEPARENT, traceparent))
        : fetch(call.input, call.init);
    if (isPrefetch(call.headers)) return send(unsampledTraceparent());

    const span = startSpan(call, propagation, tracing);
    if (!isSpanContextValid(span.spanContext())) return fetch(call.input, call.init);
    const traceparent = traceparentOf(span.spanContext());
    if (!span.isRecording()) return send(traceparent);

    const flight: Flight = { span, signal: call.signal, headersAt: undefined, cancelUnread: () => undefined };
    flights.add(flight);
    try {
      return Promise.resolve(send(traceparent)).then(
        (response) => {
          receive(flight, response);
          return response;
        },
        (error: unknown) => {
          fail(flight, error);
          throw error;
        },
      );
    } catch (error) {
      fail(flight, error);
      throw error;
    }
  }

  const stop = patchMethod(
    globalThis,
    "fetch",
    (original) =>
      function (...args) {
        const fetch: Fetch = (...changed) => Reflect.apply(original, this, changed);
        const call = understand(args, tracing.rules);
        return call ? run(call, fetch) : fetch(...args);
      },
  );
  const unread = (): Flight[] => [...flights].filter((flight) => flight.headersAt !== undefined);
  const settle = (): void => {
    for (const flight of unread()) end(flight, flight.headersAt);
  };
  return {
    stop,
    settle,
    cut(reason) {
      settle();
      for (const flight of flights) {
        flight.span.setAttribute(ENDED_BY, reason);
        end(flight);
      }
    },
  };
}

function understand(args: readonly unknown[], rules: UrlRules): FetchCall | undefined {
  const [input, init] = args as [RequestInfo | URL, RequestInit?];
  try {
    const call = readCall(input, init);
    return call && !isIgnored(rules, call.url) ? call : undefined;
  } catch {
    // The browser will say what is wrong with the arguments.
    return undefined;
  }
}

type Propagation = "sent" | "off" | "origin" | "caller";

function propagationOf({ headers, url, mode }: FetchCall, tracing: FetchTracing): Propagation {
  if (headers.has(TRACEPARENT)) return "caller";
  if (tracing.propagation === "off") return "off";
  // A no-cors request drops the header on the way: https://fetch.spec.whatwg.org/#concept-headers-guard
  return mayPropagate(tracing.rules, url) && mode !== "no-cors" ? "sent" : "origin";
}

function startSpan(call: FetchCall, propagation: Propagation, tracing: FetchTracing): Span {
  const active = tracing.manager.active();
  const inferred = trace.getSpanContext(active) ? undefined : tracing.inferParent();
  const method = normalMethod(call.method);
  const port = Number(call.url.port || (call.url.protocol === "https:" ? 443 : 80));
  const attributes: Attributes = {
    [HTTP_REQUEST_METHOD]: method,
    [URL_FULL]: redactUrl(call.url),
    [SERVER_ADDRESS]: call.url.hostname,
    [SERVER_PORT]: port,
    [PROPAGATION]: propagation,
    ...(inferred && { [PARENT]: "inferred" }),
  };
  return tracing.tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes }, inferred ?? active);
}

/** A timeout is an abort too, but one that nobody wanted. */
function isAbort(error: unknown, name: string, signal: AbortSignal | undefined): boolean {
  if (name === "TimeoutError") return false;
  return name === "AbortError" || (signal?.aborted === true && signal.reason === error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

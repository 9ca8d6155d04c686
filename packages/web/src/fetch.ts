import {
  type Attributes,
  type Context,
  type ContextManager,
  isSpanContextValid,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { isIgnored, mayPropagate, redactUrl, type UrlRules } from "@throughline/core";
import {
  HTTP_REQUEST_METHOD,
  PARENT,
  PROPAGATION,
  SERVER_ADDRESS,
  SERVER_PORT,
  URL_FULL,
} from "@throughline/core/attributes";
import { type FetchCall, isPrefetch, normalMethod, readCall, withHeader } from "./fetch-call.ts";
import { createFlights, type Flight, type Flights } from "./flight.ts";
import type { RequestClaim } from "./instrument.ts";
import type { Later } from "./later.ts";
import { patchMethod, type Stop } from "./patch-method.ts";
import { TRACEPARENT, traceparentOf, unsampledTraceparent } from "./propagator.ts";

export interface FetchTracing {
  readonly tracer: Tracer;
  readonly manager: ContextManager;
  readonly rules: UrlRules;
  readonly propagation: "same-origin" | "off";
  /** The parent to assume when the code that fetches has no context. */
  readonly inferParent: () => Context | undefined;
  /** A parent that is known better than by the code that fetches. */
  readonly claim: RequestClaim;
  readonly later: Later;
}

export interface TracedFetch extends Pick<Flights, "settle" | "cut"> {
  readonly stop: Stop;
}

type Fetch = (...args: unknown[]) => unknown;

/** One CLIENT span for each `fetch`, with `traceparent` where the URL rules allow it. */
export function traceFetch(tracing: FetchTracing): TracedFetch {
  const flights = createFlights(tracing.later);

  function run(call: FetchCall, fetch: Fetch): unknown {
    const propagation = propagationOf(call, tracing);
    const send = (traceparent: string): unknown =>
      propagation === "sent" ? fetch(...withHeader(call, TRACEPARENT, traceparent)) : fetch(...call.args);
    // What the router fetches ahead of any click would be a trace for every visible link.
    if (isPrefetch(call.headers)) return send(unsampledTraceparent());

    const span = startSpan(call, propagation, tracing);
    const spanContext = span.spanContext();
    if (!isSpanContextValid(spanContext)) return fetch(...call.args);
    if (!span.isRecording()) return send(traceparentOf(spanContext));

    const flight: Flight = { span, signal: call.signal };
    flights.start(flight);
    const failed = (error: unknown): never => {
      flights.fail(flight, error);
      throw error;
    };
    try {
      return Promise.resolve(send(traceparentOf(spanContext))).then((response) => {
        flights.receive(flight, response);
        return response;
      }, failed);
    } catch (error) {
      return failed(error);
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
  return { stop, settle: flights.settle, cut: flights.cut };
}

function understand(args: readonly unknown[], rules: UrlRules): FetchCall | undefined {
  try {
    const call = readCall(args);
    return call && !isIgnored(rules, call.url) ? call : undefined;
  } catch {
    // The browser will say what is wrong with the arguments.
    return undefined;
  }
}

/** What a request of any kind tells of itself. */
export type TracedRequest = Pick<FetchCall, "url" | "method" | "headers" | "mode">;

export type Propagation = "sent" | "off" | "origin" | "caller";

export function propagationOf(
  { headers, url, mode }: TracedRequest,
  tracing: Pick<FetchTracing, "rules" | "propagation">,
): Propagation {
  if (headers.has(TRACEPARENT)) return "caller";
  if (tracing.propagation === "off") return "off";
  // A no-cors request drops the header on the way: https://fetch.spec.whatwg.org/#concept-headers-guard
  return mayPropagate(tracing.rules, url) && mode !== "no-cors" ? "sent" : "origin";
}

export function startSpan(
  call: TracedRequest,
  propagation: Propagation,
  tracing: Pick<FetchTracing, "tracer" | "manager" | "claim" | "inferParent">,
): Span {
  const active = tracing.manager.active();
  const known = trace.getSpanContext(active);
  const parent = tracing.claim(call.headers, active) ?? (known ? active : tracing.inferParent());
  const method = normalMethod(call.method);
  const attributes: Attributes = {
    [HTTP_REQUEST_METHOD]: method,
    [URL_FULL]: redactUrl(call.url),
    [SERVER_ADDRESS]: call.url.hostname,
    [SERVER_PORT]: Number(call.url.port || (call.url.protocol === "https:" ? 443 : 80)),
    [PROPAGATION]: propagation,
    ...(!known && parent && { [PARENT]: "inferred" }),
  };
  return tracing.tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes }, parent ?? active);
}

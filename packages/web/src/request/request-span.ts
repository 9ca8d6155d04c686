import {
  type Attributes,
  type Context,
  type ContextManager,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { mayPropagate, redactUrl, type UrlRules } from "@throughline/core";
import {
  HTTP_REQUEST_METHOD,
  PARENT,
  PROPAGATION,
  SERVER_ADDRESS,
  SERVER_PORT,
  URL_FULL,
} from "@throughline/core/attributes";
import type { PropagationMode, RequestClaim } from "../instrument.ts";
import { TRACEPARENT } from "../propagator.ts";
import { type FetchCall, normalMethod } from "./fetch-call.ts";

export interface RequestTracing {
  readonly tracer: Tracer;
  readonly manager: ContextManager;
  readonly rules: UrlRules;
  readonly propagation: () => PropagationMode;
  /** The parent to assume when the code that makes the request has no context. */
  readonly inferParent: () => Context | undefined;
  /** A parent that is known better than by the code that makes the request. */
  readonly claim: RequestClaim;
}

/** What a request of any kind tells of itself. */
export type TracedRequest = Pick<FetchCall, "url" | "method" | "headers" | "mode">;

export type Propagation = "sent" | "off" | "consent" | "origin" | "caller";

export function propagationOf(
  { headers, url, mode }: TracedRequest,
  tracing: Pick<RequestTracing, "rules" | "propagation">,
): Propagation {
  if (headers.has(TRACEPARENT)) return "caller";
  const allowed = tracing.propagation();
  if (allowed !== "same-origin") return allowed;
  // A no-cors request drops the header on the way: https://fetch.spec.whatwg.org/#concept-headers-guard
  return mayPropagate(tracing.rules, url) && mode !== "no-cors" ? "sent" : "origin";
}

export function startSpan(
  call: TracedRequest,
  propagation: Propagation,
  tracing: Pick<RequestTracing, "tracer" | "manager" | "claim" | "inferParent">,
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

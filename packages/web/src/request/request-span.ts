import {
  type Attributes,
  type Context,
  type ContextManager,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import {
  HTTP_REQUEST_METHOD,
  PARENT,
  PROPAGATION,
  SERVER_ADDRESS,
  SERVER_PORT,
  URL_FULL,
} from "@throughline/core/attributes";
import type { RequestClaim } from "../instrument.ts";
import { isSuppressed } from "../trace/suppression.ts";
import type { Outbox } from "../transport/transport.ts";
import { normalMethod } from "./fetch-call.ts";
import type { Propagation, PropagationRules, TracedRequest } from "./propagation.ts";

export interface RequestTracing extends PropagationRules {
  readonly tracer: Tracer;
  readonly manager: ContextManager;
  /** The parent to assume when the code that makes the request has no context. */
  readonly inferParent: () => Context | undefined;
  /** A parent that is known better than by the code that makes the request. */
  readonly claim: RequestClaim;
}

export function startSpan(
  call: TracedRequest,
  propagation: Propagation,
  tracing: Pick<RequestTracing, "tracer" | "manager" | "claim" | "inferParent">,
): Span {
  const active = tracing.manager.active();
  const known = trace.getSpanContext(active);
  const parent = isSuppressed(active)
    ? active
    : (tracing.claim(call, active) ?? (known ? active : tracing.inferParent()));
  const attributes: Attributes = {
    ...describeRequest(call, propagation),
    ...(!known && parent && { [PARENT]: "inferred" }),
  };
  return tracing.tracer.startSpan(
    requestSpanName(call.method),
    { kind: SpanKind.CLIENT, attributes },
    parent ?? active,
  );
}

/** Of a method that is none of HTTP's, `HTTP`. */
export function requestSpanName(method: string): string {
  return normalMethod(method).replace("_OTHER", "HTTP");
}

export function describeRequest({ method, url }: TracedRequest, propagation: Propagation): Attributes {
  return {
    [HTTP_REQUEST_METHOD]: normalMethod(method),
    [URL_FULL]: url.href,
    [SERVER_ADDRESS]: url.hostname,
    [SERVER_PORT]: Number(url.port || (url.protocol === "https:" ? 443 : 80)),
    [PROPAGATION]: propagation,
  };
}

/** Hands a request to the browser, and tells within which time. */
export function sendTold(span: Span, url: URL, { timing }: Outbox, send: () => unknown): unknown {
  const from = performance.now();
  const result = send();
  timing?.sent(span.spanContext().spanId, { url, from, until: performance.now() });
  return result;
}

import { type Context, createContextKey } from "@opentelemetry/api";
import type { SamplingResult } from "@opentelemetry/sdk-trace-base";

// The keys of `@opentelemetry/api` and `@opentelemetry/core`; the API makes the same symbol of the same text.
const SPAN = createContextKey("OpenTelemetry Context Key SPAN");

interface Entry {
  readonly key: symbol;
  readonly value: unknown;
  readonly next: Entry | undefined;
}

/** One request of the server: what is known of it, and the context it began with. */
export interface RequestScope<T = unknown> {
  readonly value: T;
  /** Its span is what everything in the request sees outside of all contexts below it: the first SERVER span. */
  readonly base: RequestContext;
  /** When its head had come, as `performance.now`. */
  readonly startMs: number;
  /** What was decided of its trace before its first span; `undefined`: nothing yet. */
  decision: RequestDecision | undefined;
}

/** Whether a request is kept is known from its head: by its caller's trace, or by the id that is drawn for it. */
export interface RequestDecision {
  readonly traceId: string;
  /** Nobody called in a trace: spans without a parent are of this one. */
  readonly isDrawn: boolean;
  /** What the sampler said. */
  readonly result: SamplingResult;
  /** What stands for all spans of a request that is not kept. */
  readonly dropped: unknown;
  /** What the request's headers tell, its baggage too. */
  readonly caller: Context;
}

interface Parts {
  readonly span: unknown;
  readonly request: RequestScope | undefined;
  readonly rest: Entry | undefined;
  readonly under: Context | undefined;
}

/**
 * A context that costs one small object a change. Next.js makes three for each of its spans, and the API's own
 * copies a map and makes three functions each time. It also carries the request, which would otherwise need an
 * AsyncLocalStorage of its own: on Node 20 each of those is copied at every promise.
 */
export class RequestContext implements Context {
  /** Written after creation in the base of a request only: see `drop`, `dropRequest` and `RequestStorage.setSpan`. */
  span: unknown;
  readonly request: RequestScope | undefined;
  private readonly rest: Entry | undefined;
  /** As `span`, by `drop` alone. */
  private under: Context | undefined;

  constructor({ span, request, rest, under }: Parts) {
    this.span = span;
    this.request = request;
    this.rest = rest;
    this.under = under;
  }

  static begin(value: unknown, span: unknown): RequestContext {
    const base = new RequestContext({ span, request: undefined, rest: undefined, under: undefined });
    // The two name each other.
    (base as { request: RequestScope }).request = {
      value,
      base,
      startMs: performance.now(),
      decision: undefined,
    };
    return base;
  }

  /** A context of somebody else's making, inside this request. */
  static adopt(context: Context, request: RequestScope): RequestContext {
    const span = context.getValue(SPAN);
    if (!(context instanceof RequestContext))
      return new RequestContext({ span, request, rest: undefined, under: context });
    const { rest, under } = context;
    return new RequestContext({ span, request, rest, under });
  }

  /** In the base of a request that is not kept: Next.js reads no headers where a span is current. */
  drop({ dropped, caller }: RequestDecision): void {
    this.span = dropped;
    this.under = caller;
  }

  getValue(key: symbol): unknown {
    if (key === SPAN) return this.span;
    for (let entry = this.rest; entry; entry = entry.next) if (entry.key === key) return entry.value;
    return this.under?.getValue(key);
  }

  setValue(key: symbol, value: unknown): RequestContext {
    const { request, under } = this;
    if (key === SPAN) return new RequestContext({ span: value, request, rest: this.rest, under });
    const rest = { key, value, next: without(this.rest, key) };
    return new RequestContext({ span: this.span, request, rest, under });
  }

  deleteValue(key: symbol): RequestContext {
    return this.setValue(key, undefined);
  }
}

function without(entry: Entry | undefined, key: symbol): Entry | undefined {
  if (!entry) return undefined;
  if (entry.key === key) return entry.next;
  const next = without(entry.next, key);
  return next === entry.next ? entry : { ...entry, next };
}

/** The request that a context belongs to. */
export function requestOf(context: Context | undefined): RequestScope | undefined {
  return context instanceof RequestContext ? context.request : undefined;
}

/** What was decided of the request of a context that has had no span yet; what comes later is decided for itself. */
export function decisionOf(context: Context): RequestDecision | undefined {
  const request = requestOf(context);
  return request?.base.span === undefined ? request?.decision : undefined;
}

/** Has everything in this request see `span`, also what runs outside the contexts below it: proxy.ts and its page. */
export function dropRequest(context: Context, span: unknown): void {
  const base = requestOf(context)?.base;
  if (base && base.span === undefined) base.span = span;
}

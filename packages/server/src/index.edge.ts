import type { FailedRequest, FailedRequestContext, RegisterOptions } from "./register-options.ts";

export type { FetchTracing } from "./outbound/call-options.ts";
export type {
  FailedRequest,
  FailedRequestContext,
  IgnoredRequest,
  Instrumentation,
  RegisterOptions,
} from "./register-options.ts";
export { type CurrentTrace, currentTrace } from "./spans/current-trace.ts";
export type { SpanAttributes, SpanAttributeValue, WithSpanOptions } from "./spans/span-options.ts";
export { traced } from "./spans/traced.ts";
export { withSpan } from "./spans/with-span.ts";

/** Does nothing: the edge runtime has no SDK; the host's fetch still carries `traceparent`. */
export async function register(_options: RegisterOptions = {}): Promise<void> {
  return;
}

/** Does nothing in the edge runtime. */
export async function onRequestError(
  _error: unknown,
  _request: Readonly<FailedRequest>,
  _context: Readonly<FailedRequestContext>,
): Promise<void> {
  return;
}

/** Runs `fn`; there is no tracing in the edge runtime. */
export function withoutTracing<T>(fn: () => T): T {
  return fn();
}

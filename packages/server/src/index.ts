import { errorText } from "./error-text.ts";
import { say, warnOnce } from "./log.ts";
import { processState } from "./process-state.ts";
import {
  type FailedRequest,
  type FailedRequestContext,
  REGISTER_OPTIONS,
  type RegisterOptions,
} from "./register-options.ts";
import { builtApp, readServerConfig } from "./settings.ts";
import { isControlFlow } from "./spans/control-flow.ts";
import { tellUnknown } from "./unknown-options.ts";

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
export { withoutTracing } from "./spans/without-tracing.ts";

/**
 * Starts tracing in a Next.js server: `export { register } from "@throughline/server"` in instrumentation.ts.
 * Does nothing unless `OTEL_ENABLED=true`, and never throws.
 */
export async function register(options: RegisterOptions = {}): Promise<void> {
  try {
    const config = readServerConfig({ serviceName: options.serviceName, mode: options.mode }, warnOnce);
    if (!config) return;
    tellUnknown("register", options, REGISTER_OPTIONS);
    const state = processState();
    // Behind a dynamic import: a process that is switched off never loads the SDK.
    const app = builtApp();
    state.tracing ??= import("./start.ts").then(({ start }) =>
      start(config, { ...options, host: "next", app }),
    );
    await state.tracing;
    state.joinNext?.(app);
  } catch (error) {
    say("warn", `tracing stays off: ${errorText(error)}. The app runs without it.`);
  }
}

/** Marks the request's SERVER span as failed: `export { onRequestError }` next to `register`. */
export async function onRequestError(
  error: unknown,
  request: Readonly<FailedRequest>,
  _context: Readonly<FailedRequestContext>,
): Promise<void> {
  if (!isControlFlow(error)) processState().requestFailed?.(error, request.path);
}

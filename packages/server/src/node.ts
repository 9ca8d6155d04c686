import type { IncomingMessage } from "node:http";
import { errorText } from "./error-text.ts";
import { say, warnOnce } from "./log.ts";
import { processState } from "./process-state.ts";
import { REGISTER_OPTIONS, type RegisterOptions } from "./register-options.ts";
import { readServerConfig } from "./settings.ts";
import type { Tracing } from "./tracing.ts";
import { tellUnknown } from "./unknown-options.ts";

export type { FetchTracing } from "./outbound/call-options.ts";
export type { IgnoredRequest, Instrumentation, RegisterOptions } from "./register-options.ts";
export { type CurrentTrace, currentTrace } from "./spans/current-trace.ts";
export type { SpanAttributes, SpanAttributeValue, WithSpanOptions } from "./spans/span-options.ts";
export { traced } from "./spans/traced.ts";
export { withSpan } from "./spans/with-span.ts";
export { withoutTracing } from "./spans/without-tracing.ts";
export type { Tracing } from "./tracing.ts";

export interface NodeTracingOptions extends RegisterOptions {
  /** The route template of a request (`/stock/{sku}`) for the SERVER span's name; plain node:http knows none. */
  readonly route?: (request: IncomingMessage) => string | undefined;
}

const NODE_OPTIONS: Readonly<Record<keyof NodeTracingOptions, true>> = { ...REGISTER_OPTIONS, route: true };

const OFF: Tracing = {
  stop: () => Promise.resolve(),
  flush: () => Promise.resolve(),
};

/**
 * Starts tracing in a plain Node service: incoming and outgoing HTTP, whenever `node:http` was imported.
 * Does nothing unless `OTEL_ENABLED=true`, and never throws.
 */
export async function startTracing(options: NodeTracingOptions = {}): Promise<Tracing> {
  try {
    const config = readServerConfig({ serviceName: options.serviceName, mode: options.mode }, warnOnce);
    if (!config) return OFF;
    tellUnknown("startTracing", options, NODE_OPTIONS);
    const state = processState();
    state.tracing ??= import("./start.ts").then(({ start }) => start(config, { ...options, host: "node" }));
    return await state.tracing;
  } catch (error) {
    say("warn", `tracing stays off: ${errorText(error)}. The service runs without it.`);
    return OFF;
  }
}

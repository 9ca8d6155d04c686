import { type Context, context, type Tracer } from "@opentelemetry/api";
import { type CallRules, createCalls } from "./calls.ts";
import { readFetchOptions } from "./fetch-options.ts";
import { traceNodeClient } from "./node-client.ts";
import { traceUndici } from "./undici.ts";

/** Spans and `traceparent` for `fetch`, undici and node:http(s). */
export function traceOutbound(
  tracer: Tracer,
  rules: CallRules,
  active: () => Context = () => context.active(),
): () => void {
  const calls = createCalls(tracer, rules, active);
  const stops = [traceUndici(calls), traceNodeClient(calls), readFetchOptions()];
  return () => {
    for (const stop of stops) stop();
  };
}

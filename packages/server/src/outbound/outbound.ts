import type { Tracer } from "@opentelemetry/api";
import { type CallRules, createCalls } from "./calls.ts";
import { traceNodeClient } from "./node-client.ts";
import { traceUndici } from "./undici.ts";

/** Spans and `traceparent` for `fetch`, undici and node:http(s). */
export function traceOutbound(tracer: Tracer, rules: CallRules): () => void {
  const calls = createCalls(tracer, rules);
  const stops = [traceUndici(calls), traceNodeClient(calls)];
  return () => {
    for (const stop of stops) stop();
  };
}

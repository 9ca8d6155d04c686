import type { Tracer } from "@opentelemetry/api";
import { type CallRules, createCalls, type Surroundings } from "./calls.ts";
import { readFetchOptions } from "./fetch-options.ts";
import { traceNodeClient } from "./node-client.ts";
import { traceUndici } from "./undici.ts";

/** Spans and `traceparent` for `fetch`, undici and node:http(s). */
export function traceOutbound(tracer: Tracer, rules: CallRules, surroundings: Surroundings = {}): () => void {
  const calls = createCalls(tracer, rules, surroundings);
  const stops = [traceUndici(calls), traceNodeClient(calls), readFetchOptions()];
  return () => {
    for (const stop of stops) stop();
  };
}

import { ROOT_CONTEXT, type TextMapPropagator, type Tracer } from "@opentelemetry/api";
import type { ContextStorage } from "../context-storage.ts";
import type { CallRules } from "../outbound/calls.ts";
import { traceOutbound } from "../outbound/outbound.ts";
import { processState } from "../process-state.ts";
import { routeByNext } from "../requests/next-route.ts";
import { type IncomingOptions, traceNodeRequests } from "../requests/node-requests.ts";
import { traceNodeUpgrades } from "../requests/node-upgrades.ts";
import type { ResponseRecord } from "../requests/response-record.ts";

export interface IsolateOptions {
  readonly tracer: Tracer;
  /** Context and requests of our own, which nobody has registered. */
  readonly storage: ContextStorage<ResponseRecord>;
  readonly rules: CallRules;
  readonly incoming: Pick<IncomingOptions, "route" | "isNoise">;
  /** How callers are read; it is not registered. */
  readonly propagator: Pick<TextMapPropagator, "extract">;
}

/**
 * Traces requests, calls and spans of the app with a context of our own, and leaves the globals of OpenTelemetry to
 * whoever has them: its spans never become parents of ours, nor ours of its. Returns the undoing.
 */
export function startIsolated({ tracer, storage, rules, incoming, propagator }: IsolateOptions): () => void {
  const state = processState();
  state.isolated = { tracer, contexts: storage.manager };
  const heads: Pick<IncomingOptions, "route" | "isNoise" | "extract"> = {
    isNoise: incoming.isNoise,
    route: (request) => incoming.route?.(request) ?? routeByNext(request),
    extract: (carrier, getter) => propagator.extract(ROOT_CONTEXT, carrier, getter),
  };
  const stops = [
    traceNodeRequests(tracer, { ...heads, enter: storage.enter, bind: storage.bind }),
    traceNodeUpgrades(tracer, { ...heads, contexts: storage.manager }),
    // Without headers: two would make both invalid, and the other tracer may write one after us.
    traceOutbound(tracer, { ...rules, propagators: [] }, { active: () => storage.manager.active() }),
  ];
  return () => {
    for (const stop of stops) stop();
    state.isolated = undefined;
    storage.manager.disable();
  };
}

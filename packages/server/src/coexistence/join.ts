import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { startInstrumentations } from "../libraries/start-instrumentations.ts";
import type { Instrumentation } from "../register-options.ts";
import type { Side } from "./side.ts";

export interface JoinOptions {
  readonly side: Extract<Side, { way: "join" }>;
  readonly processor: SpanProcessor;
  /** The app's; ours for outbound calls would double those that the other product makes. */
  readonly instrumentations: readonly Instrumentation[];
  /** Whether the request that is being served is noise. */
  readonly servesNoise: () => boolean;
}

/** Sends what another provider's tracers make, without the requests that are noise. Returns the undoing. */
export function startJoined({
  side,
  processor,
  instrumentations,
  servesNoise,
}: JoinOptions): () => Promise<void> {
  const detach = side.attach(withoutNoise(processor, servesNoise));
  const stopInstrumentations = startInstrumentations(instrumentations, side.provider);
  return async () => {
    detach();
    stopInstrumentations();
    await processor.shutdown();
  };
}

function withoutNoise(next: SpanProcessor, servesNoise: () => boolean): SpanProcessor {
  const noise = new WeakSet<object>();
  return {
    onStart(span, parent): void {
      if (servesNoise()) noise.add(span);
      else next.onStart(span, parent);
    },
    onEnd(span): void {
      if (!noise.has(span)) next.onEnd(span);
    },
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

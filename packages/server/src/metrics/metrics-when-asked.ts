import type { Sampler, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Troubles } from "../pipeline/troubles.ts";
import { flusherOf, processState } from "../process-state.ts";
import type { ServerConfig } from "../settings.ts";
import type { MetricsOptions } from "./start-metrics.ts";

export interface AskedMetrics {
  /** Measures the requests among the spans on their way to `next`. */
  readonly measure: (next: SpanProcessor) => SpanProcessor;
  /** Lets requests be measured that the sampler does not keep. */
  readonly record: (sampler: Sampler) => Sampler;
  stop(): Promise<void>;
}

const OFF: AskedMetrics = {
  measure: (next) => next,
  record: (sampler) => sampler,
  stop: () => Promise.resolve(),
};

/** Metrics, behind a dynamic import: who does not ask for them does not load what they take. */
export async function metricsWhenAsked(
  config: ServerConfig,
  {
    resource,
    isNoise,
    troubles,
  }: Pick<MetricsOptions, "resource" | "isNoise"> & { readonly troubles: Troubles },
): Promise<AskedMetrics> {
  if (!config.metricsEnabled) return OFF;
  const [{ startMetrics }, { createMetricExporter }, { recordRequests }] = await Promise.all([
    import("./start-metrics.ts"),
    import("./metric-exporter.ts"),
    import("./record-requests.ts"),
  ]);
  const state = processState();
  const exporter = createMetricExporter(config, troubles);
  const running = startMetrics({
    resource,
    isNoise,
    exporter,
    intervalMs: config.metricsIntervalMs,
    droppedSpans: () => state.spanCounts?.().dropped ?? 0,
  });
  const flush = flusherOf(exporter.isAskedToWait, () => exporter.hurry(running.flush));
  state.flushers.add(flush);
  return {
    measure: running.measure,
    record: recordRequests,
    async stop(): Promise<void> {
      state.flushers.delete(flush);
      await exporter.hurry(running.stop);
    },
  };
}

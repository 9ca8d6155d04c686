import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";

/** Several ends of the line as one; none of them is an end too. */
export function combine(processors: readonly SpanProcessor[]): SpanProcessor {
  const [only] = processors;
  if (only && processors.length === 1) return only;
  const all = async (step: (processor: SpanProcessor) => Promise<void>): Promise<void> => {
    await Promise.allSettled(processors.map(step));
  };
  return {
    onStart(span, context): void {
      for (const each of processors) each.onStart(span, context);
    },
    onEnd(span): void {
      for (const each of processors) each.onEnd(span);
    },
    forceFlush: () => all((each) => each.forceFlush()),
    shutdown: () => all((each) => each.shutdown()),
  };
}

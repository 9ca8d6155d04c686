import { TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { printError } from "../error-text.ts";
import { atMost } from "./at-most.ts";
import { FLUSH_MS, flush } from "./flush.ts";
import { createSources, type SpanSource } from "./otlp/span-encoder.ts";
import {
  type BatchOptions,
  countsOf,
  createSending,
  lose,
  type Sending,
  type SpanCounts,
  wake,
} from "./sending.ts";

export interface BatchProcessor extends SpanProcessor {
  counts(): SpanCounts;
  /** Whether the collector's `Retry-After` is not over. */
  isAskedToWait(): boolean;
}

/**
 * Encodes each span as it ends and sends it with others. Drops are counted and told: by a warning, and to the
 * collector by an attribute on the next batch.
 */
export function createBatchProcessor(options: BatchOptions): BatchProcessor {
  const state = createSending(options);
  const sourceOf = createSources();
  return {
    onStart: () => undefined,
    onEnd(span): void {
      if (!state.isStopped && (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0)
        take(state, sourceOf(span), span);
    },
    forceFlush: () => flush(state),
    shutdown: () => stop(state),
    counts: () => countsOf(state),
    isAskedToWait: () => performance.now() < state.askedUntil,
  };
}

function take(state: Sending, source: SpanSource, span: ReadableSpan): void {
  state.created += 1;
  try {
    const bytes = state.options.encoder.encode(span);
    const { traceId, spanId: id } = span.spanContext();
    const { parentSpanContext: parent } = span;
    const parentId = parent?.isRemote ? undefined : parent?.spanId;
    const gone = state.queue.add(traceId, { source, bytes, id, parentId });
    if (gone > 0) lose(state, gone, "the queue is full");
  } catch (error) {
    // An attribute with a getter or a toString that throws; the code that ended the span must not see it.
    lose(state, 1, `a span could not be written (${printError(error)})`);
  }
  wake(state);
}

async function stop(state: Sending): Promise<void> {
  await atMost(FLUSH_MS, flush(state));
  const { waiting } = countsOf(state);
  state.isStopped = true;
  clearTimeout(state.delay);
  clearTimeout(state.backoff);
  if (waiting > 0) lose(state, waiting, "tracing was stopped before the collector took them");
  state.options.close();
}

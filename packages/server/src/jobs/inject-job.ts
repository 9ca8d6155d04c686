import { type Span, SpanKind } from "@opentelemetry/api";
import * as names from "@throughline/core/attributes";
import { jobSpanName } from "@throughline/core/attributes";
import type { SpanAttributes } from "../spans/span-options.ts";
import { withSpan } from "../spans/with-span.ts";
import { type Carrying, carrierOf, carry, type JobPayload } from "./carrier.ts";
import { MAX_JOBS_OF_A_TRACE } from "./relation.ts";

export interface PublishOptions {
  /** The queue's name; the worker need not tell it again. */
  readonly queue?: string;
  /** What the queue runs on: `rabbitmq`, `sqs`. */
  readonly system?: string;
  readonly attributes?: SpanAttributes;
}

/**
 * The payload with what `withJob` needs to go on with this trace, under the one key `__throughline`. Opens a PRODUCER
 * span; to have the sending itself inside it, use {@link publishJobs}.
 */
export function injectJob<P extends JobPayload>(payload: P, options: PublishOptions = {}): Carrying<P> {
  return publishJobs(1, options, (inject) => inject(payload));
}

/** {@link injectJob} for jobs that are sent together: one PRODUCER span for all. */
export function injectJobs<P extends JobPayload>(
  payloads: readonly P[],
  options: PublishOptions = {},
): Carrying<P>[] {
  return publishJobs(payloads.length, options, (inject) => payloads.map((payload) => inject(payload)));
}

/** Runs `send` inside a PRODUCER span; `inject` gives a payload the carrier of that span. */
export function publishJobs<T>(
  count: number,
  { queue, system, attributes }: PublishOptions,
  send: (inject: <P>(payload: P) => P, span: Span) => T,
): T {
  const options = {
    kind: SpanKind.PRODUCER,
    attributes: {
      [names.MESSAGING_SYSTEM]: system,
      [names.MESSAGING_DESTINATION_NAME]: queue,
      [names.MESSAGING_OPERATION_NAME]: "publish",
      [names.MESSAGING_OPERATION_TYPE]: "send",
      [names.MESSAGING_BATCH_MESSAGE_COUNT]: count > 1 ? count : undefined,
      ...attributes,
    },
  };
  return withSpan(jobSpanName("publish", queue), options, (span) => {
    const { traceId } = span.spanContext();
    const carrier = carrierOf(span.spanContext(), {
      sentUnixMs: Date.now(),
      ...(queue !== undefined && { queue }),
      ...(system !== undefined && { system }),
      ...(countJobs(traceId, count) > MAX_JOBS_OF_A_TRACE && { fanOut: true }),
    });
    return send((payload) => carry(payload, carrier), span);
  });
}

const MAX_TRACES = 1000;
const jobsOfTraces = new Map<string, number>();

/**
 * How many jobs this process has sent in a trace, these ones counted. By trace and not by span, so that a loop with a
 * span for each job counts too, and a job that sends itself again does not make a trace without end.
 */
function countJobs(traceId: string, count: number): number {
  const total = (jobsOfTraces.get(traceId) ?? 0) + count;
  // Moved to the end: the first is then the one that was idle for longest.
  jobsOfTraces.delete(traceId);
  jobsOfTraces.set(traceId, total);
  const [idle] = jobsOfTraces.keys();
  if (jobsOfTraces.size > MAX_TRACES && idle !== undefined) jobsOfTraces.delete(idle);
  return total;
}

import { type Span, type SpanContext, SpanKind, trace } from "@opentelemetry/api";
import * as names from "@throughline/core/attributes";
import { jobSpanName } from "@throughline/core/attributes";
import { activeContext, withContext } from "../spans/current-context.ts";
import type { SpanAttributes, WithSpanOptions } from "../spans/span-options.ts";
import { withSpan } from "../spans/with-span.ts";
import { type JobCarrier, receive } from "./carrier.ts";
import { type JobRelation, type JobTie, relationOf } from "./relation.ts";

export interface JobOptions {
  /** Without it what `injectJob` was told. */
  readonly queue?: string;
  readonly system?: string;
  /** 1, the first one, without it; from 2 on the run gets a trace of its own. */
  readonly attempt?: number;
  /** Whether a timetable makes this job again and again. */
  readonly repeats?: boolean;
  /** `auto` without it. */
  readonly relation?: JobRelation;
  readonly messageId?: string;
  readonly attributes?: SpanAttributes;
}

/**
 * Runs a job inside a CONSUMER span that hangs on the one that sent it: below it for the first attempt of an immediate
 * job, else in a trace of its own with a link. `fn` gets the payload as it was before `injectJob`. A payload without
 * carrier, or with one that cannot be read, runs as well.
 */
export function withJob<P, T>(payload: P, fn: (payload: P, span: Span) => T): T;
export function withJob<P, T>(payload: P, options: JobOptions, fn: (payload: P, span: Span) => T): T;
export function withJob<P, T>(
  payload: P,
  optionsOrFn: JobOptions | ((payload: P, span: Span) => T),
  maybeFn?: (payload: P, span: Span) => T,
): T {
  const fn = typeof optionsOrFn === "function" ? optionsOrFn : maybeFn;
  if (typeof fn !== "function") {
    throw new TypeError(
      "@throughline/server: withJob() got no function to run the job; call withJob(payload, fn) or withJob(payload, options, fn)",
    );
  }
  const options = typeof optionsOrFn === "function" ? {} : optionsOrFn;
  const { payload: own, carrier, sender } = receive(payload);
  const attempt = options.attempt ?? 1;
  const tie =
    carrier &&
    relationOf(carrier, {
      relation: options.relation ?? "auto",
      attempt,
      repeats: options.repeats ?? false,
      nowUnixMs: Date.now(),
    });
  const isBelow = sender !== undefined && tie === "parent";
  const name = jobSpanName("process", options.queue ?? carrier?.queue);
  const spanOptions: WithSpanOptions = {
    kind: SpanKind.CONSUMER,
    attributes: attributesOf({ options, carrier, tie, attempt }),
    // A worker that a request has started would hang every job on that request.
    root: !isBelow,
    ...(sender && !isBelow && { links: [{ context: sender }] }),
  };
  const run = (): T => withSpan(name, spanOptions, (span) => fn(own, span));
  return isBelow ? below(sender, run) : run();
}

/** Runs with the sender's span as the current one. */
function below<T>(sender: SpanContext, run: () => T): T {
  return withContext(trace.setSpanContext(activeContext(), sender), run);
}

interface JobFacts {
  readonly options: JobOptions;
  readonly carrier: JobCarrier | undefined;
  readonly tie: JobTie | undefined;
  readonly attempt: number;
}

function attributesOf({ options, carrier, tie, attempt }: JobFacts): SpanAttributes {
  return {
    [names.MESSAGING_SYSTEM]: options.system ?? carrier?.system,
    [names.MESSAGING_DESTINATION_NAME]: options.queue ?? carrier?.queue,
    [names.MESSAGING_OPERATION_NAME]: "process",
    [names.MESSAGING_OPERATION_TYPE]: "process",
    [names.MESSAGING_MESSAGE_ID]: options.messageId,
    [names.JOB_RELATION]: tie,
    [names.JOB_ATTEMPT]: attempt,
    ...options.attributes,
  };
}

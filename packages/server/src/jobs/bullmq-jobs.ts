import * as names from "@throughline/core/attributes";
import { type Carrying, carry, JOB_CARRIER, type JobCarrier } from "./carrier.ts";
import { publishJobs } from "./inject-job.ts";
import { withJob } from "./with-job.ts";

const SYSTEM = "bullmq";

/** A BullMQ `Queue`, by its shape. */
export interface BullQueue {
  readonly name: string;
  add(name: never, data: never, options?: never): Promise<unknown>;
  addBulk(jobs: never): Promise<unknown>;
  /** From BullMQ 5.16 on. */
  upsertJobScheduler?(id: never, repeat: never, template?: never): Promise<unknown>;
}

/** A BullMQ `FlowProducer`, by its shape. */
export interface BullFlowProducer {
  add(flow: never, options?: never): Promise<unknown>;
  addBulk(flows: never): Promise<unknown>;
}

/** A BullMQ `Job` as a worker gets it, by its shape. */
export interface BullJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly queueName: string;
  data: unknown;
  updateData?(data: never): Promise<unknown>;
  readonly attemptsMade: number;
  readonly attemptsStarted?: number;
  readonly repeatJobKey?: string | undefined;
  readonly opts: { readonly delay?: number; readonly repeat?: unknown };
}

interface JobSpec {
  readonly name: string;
  readonly data: unknown;
}

const TRACED = Symbol.for("throughline.bullmq");

interface FlowSpec extends JobSpec {
  readonly queueName: string;
  readonly children?: readonly FlowSpec[];
}

/**
 * Makes `add`, `addBulk` and `upsertJobScheduler` of this queue open a PRODUCER span and send its carrier along; gives
 * back the same queue. One `addBulk` is one span, however many jobs it sends.
 */
export function traceQueue<Q extends BullQueue>(queue: Q): Q {
  const own = queue as Q & { [TRACED]?: true };
  if (own[TRACED]) return queue;
  const add = queue.add as (name: string, data: unknown, options?: unknown) => Promise<unknown>;
  const addBulk = queue.addBulk as (jobs: readonly JobSpec[]) => Promise<unknown>;
  const about = { queue: queue.name, system: SYSTEM };

  const tracedAdd: typeof add = (name, data, ...rest) =>
    publishJobs(1, { ...about, attributes: { [names.JOB_NAME]: name } }, async (inject, span) => {
      const job = await add.call(queue, name, inject(roomFor(data)), ...rest);
      span.setAttribute(names.MESSAGING_MESSAGE_ID, idOf(job));
      return job;
    });
  const tracedBulk: typeof addBulk = (jobs) =>
    publishJobs(jobs.length, about, (inject) =>
      addBulk.call(
        queue,
        jobs.map((job) => ({ ...job, data: inject(roomFor(job.data)) })),
      ),
    );
  Object.assign(own, { add: tracedAdd, addBulk: tracedBulk, [TRACED]: true as const });
  if (queue.upsertJobScheduler) traceSchedulers(queue, about);
  return queue;
}

/** Each job of a scheduler has the data of its template, and so the carrier of the span that set the scheduler up. */
function traceSchedulers(queue: BullQueue, about: { readonly queue: string; readonly system: string }): void {
  const upsert = queue.upsertJobScheduler as (
    id: string,
    repeat: unknown,
    template?: Partial<JobSpec>,
  ) => Promise<unknown>;
  const traced: typeof upsert = (id, repeat, template) =>
    publishJobs(1, { ...about, attributes: { [names.JOB_NAME]: template?.name ?? id } }, (inject) =>
      upsert.call(queue, id, repeat, { ...template, data: inject(roomFor(template?.data)) }),
    );
  Object.assign(queue, { upsertJobScheduler: traced });
}

/**
 * The same for flows: one `add` or `addBulk` is one PRODUCER span, and every job of the trees carries it. Gives back
 * the same producer.
 */
export function traceFlowProducer<P extends BullFlowProducer>(producer: P): P {
  const own = producer as P & { [TRACED]?: true };
  if (own[TRACED]) return producer;
  const add = producer.add as (flow: FlowSpec, options?: unknown) => Promise<unknown>;
  const addBulk = producer.addBulk as (flows: readonly FlowSpec[]) => Promise<unknown>;

  const tracedAdd: typeof add = (flow, ...rest) => {
    const about = { queue: flow.queueName, system: SYSTEM, attributes: { [names.JOB_NAME]: flow.name } };
    return publishJobs(countJobs(flow), about, (inject) =>
      add.call(producer, injectFlow(flow, inject), ...rest),
    );
  };
  const tracedBulk: typeof addBulk = (flows) => {
    const [first] = flows;
    const isOneQueue = first !== undefined && flows.every(({ queueName }) => queueName === first.queueName);
    const about = { system: SYSTEM, ...(isOneQueue && { queue: first.queueName }) };
    const count = flows.reduce((total, flow) => total + countJobs(flow), 0);
    return publishJobs(count, about, (inject) =>
      addBulk.call(
        producer,
        flows.map((flow) => injectFlow(flow, inject)),
      ),
    );
  };
  return Object.assign(own, { add: tracedAdd, addBulk: tracedBulk, [TRACED]: true as const });
}

function injectFlow(flow: FlowSpec, inject: <T>(payload: T) => T): FlowSpec {
  return {
    ...flow,
    data: inject(roomFor(flow.data)),
    ...(flow.children && { children: flow.children.map((child) => injectFlow(child, inject)) }),
  };
}

function countJobs({ children = [] }: FlowSpec): number {
  return children.reduce((total, child) => total + countJobs(child), 1);
}

// A job without data reaches its worker as {} anyway, and has room for the carrier so.
function roomFor(data: unknown): unknown {
  return data === undefined ? {} : data;
}

// What BullMQ throws to put a job back; the job is not over, and nothing failed.
const PUT_BACK: ReadonlySet<string> = new Set([
  "DelayedError",
  "RateLimitError",
  "WaitingChildrenError",
  "WaitingError",
]);

/**
 * A worker's function that runs each job in a CONSUMER span: `new Worker(name, tracedProcessor(async (job) => …))`.
 * The processor does not see the carrier in `job.data`.
 */
export function tracedProcessor<F extends (job: never, ...rest: never[]) => Promise<unknown>>(process: F): F {
  const run = process as unknown as (job: BullJob, ...rest: unknown[]) => Promise<unknown>;
  const traced = async (job: BullJob, ...rest: unknown[]): Promise<unknown> => {
    const sent = job.data;
    const outcome = await withJob(sent, optionsOf(job), async (_own, span): Promise<Outcome> => {
      hideCarrier(sent);
      const restore = keepCarrier(job, sent);
      try {
        return { value: await run(job, ...rest) };
      } catch (error) {
        if (!(error instanceof Error && PUT_BACK.has(error.name))) throw error;
        span.setAttribute(names.JOB_LEFT_BY, error.name);
        return { thrown: error };
      } finally {
        restore();
      }
    });
    if ("thrown" in outcome) throw outcome.thrown;
    return outcome.value;
  };
  // BullMQ hands an AbortSignal to a processor that takes three arguments.
  Object.defineProperties(traced, {
    name: { value: process.name, configurable: true },
    length: { value: process.length, configurable: true },
  });
  // It takes and gives what the worker's own function does.
  return traced as unknown as F;
}

type Outcome = { readonly value: unknown } | { readonly thrown: Error };

function optionsOf(job: BullJob): Parameters<typeof withJob>[1] & object {
  return {
    queue: job.queueName,
    system: SYSTEM,
    // A job that came back without having failed counts as started again too.
    attempt: Math.max(job.attemptsStarted ?? 1, job.attemptsMade + 1),
    repeats: job.repeatJobKey !== undefined || job.opts.repeat !== undefined,
    ...(job.id !== undefined && { messageId: job.id }),
    attributes: { [names.JOB_NAME]: job.name },
  };
}

// Hidden and not deleted: a processor that writes its data back must not lose a key that it did not see, and a check
// of the payload's keys must not find one that the sender did not write.
function hideCarrier(data: unknown): void {
  if (typeof data !== "object" || data === null || !(JOB_CARRIER in data)) return;
  // One that is frozen keeps it in sight.
  Reflect.defineProperty(data, JOB_CARRIER, { enumerable: false });
}

/** What the processor writes back is without the carrier that it does not see; the job's next run is linked by it. */
function keepCarrier(job: BullJob, sent: unknown): () => void {
  const original = job.updateData as ((data: unknown) => Promise<unknown>) | undefined;
  const carrier = carrierIn(sent);
  if (!original || !carrier) return () => undefined;
  const update = (data: unknown): Promise<unknown> => {
    const done = original.call(job, carry(data, carrier));
    // The processor goes on with its own object.
    job.data = data;
    return done;
  };
  if (!Reflect.set(job, "updateData", update)) return () => undefined;
  return () => {
    if (job.updateData === update) Reflect.deleteProperty(job, "updateData");
  };
}

function carrierIn(data: unknown): JobCarrier | undefined {
  // What is no carrier is told of when it is received.
  return typeof data === "object" && data !== null ? (data as Carrying<object>)[JOB_CARRIER] : undefined;
}

function idOf(job: unknown): string {
  return typeof job === "object" && job !== null && "id" in job ? String(job.id) : "";
}

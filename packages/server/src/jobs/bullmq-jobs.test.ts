import { createRequire } from "node:module";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { IORedisInstrumentation } from "@opentelemetry/instrumentation-ioredis";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { DelayedError, FlowProducer, type Job, type Processor, Queue, QueueEvents, Worker } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createProcesses } from "../../../../scripts/processes.mjs";
import { findRedis, startRedis } from "../../../../scripts/services.mjs";
import { withSpan } from "../spans/with-span.ts";
import { tracedProcessor, traceFlowProducer, traceQueue } from "./bullmq-jobs.ts";

const exporter = new InMemorySpanExporter();
const processes = createProcesses();
const closing: (() => Promise<unknown>)[] = [];
let connection: { readonly host: string; readonly port: number; readonly maxRetriesPerRequest: null };
let queueNumber = 0;

const linkOf = (span: ReadableSpan) => span.links[0]?.context.spanId;
const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;
const traceOf = (span: ReadableSpan | undefined) => span?.spanContext().traceId;

function only(kind: SpanKind): readonly ReadableSpan[] {
  return exporter.getFinishedSpans().filter((span) => span.kind === kind);
}

interface Bench {
  readonly queue: Queue;
  readonly events: QueueEvents;
  /** Starts the worker; jobs wait until then. */
  work(process: Processor): Worker;
}

/** A queue of its own with a worker. */
async function openQueue(): Promise<Bench> {
  queueNumber += 1;
  const name = `queue-${queueNumber}`;
  const queue = traceQueue(new Queue(name, { connection }));
  const events = new QueueEvents(name, { connection });
  closing.push(
    () => queue.close(),
    () => events.close(),
  );
  await events.waitUntilReady();
  return {
    queue,
    events,
    work(process) {
      const worker = new Worker(name, tracedProcessor(process), { connection, concurrency: 50 });
      closing.unshift(() => worker.close());
      return worker;
    },
  };
}

// Where a machine has no Redis the rest of the suite still counts.
describe.skipIf(!findRedis())(
  "BullMQ on a real Redis, where redis-server or valkey-server is on the PATH",
  () => {
    beforeAll(async () => {
      const { port } = new URL((await startRedis({ processes })).url);
      connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };
      trace.setGlobalTracerProvider(
        new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
      );
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    });
    beforeEach(() => exporter.reset());
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });
    afterAll(async () => {
      trace.disable();
      context.disable();
      await processes.stopAll();
    });

    test("one job is one trace, and its processor sees what was sent", async () => {
      const { queue, events, work } = await openQueue();
      const seen: unknown[] = [];
      work(async (job) => {
        seen.push(job.data, Object.keys(job.data));
        withSpan("send", () => undefined);
        return "sent";
      });
      const job = await withSpan("request", () => queue.add("welcome", { to: "ada" }));
      expect(await job.waitUntilFinished(events)).toBe("sent");
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(1));
      const [producer] = only(SpanKind.PRODUCER);
      const [consumer] = only(SpanKind.CONSUMER);
      expect(new Set(exporter.getFinishedSpans().map(traceOf)).size).toBe(1);
      expect(consumer?.parentSpanContext?.spanId).toBe(idOf(producer));
      expect(seen).toEqual([{ to: "ada" }, ["to"]]);
      for (const span of [producer, consumer])
        expect(span?.attributes).toMatchObject({
          "messaging.system": "bullmq",
          "messaging.destination.name": queue.name,
          "messaging.message.id": job.id,
          "throughline.job.name": "welcome",
        });
    });

    test("three retries are three traces, linked to the one that sent the job", async () => {
      const { queue, events, work } = await openQueue();
      work(async (job) => {
        if (job.attemptsMade < 3) throw new Error("mailbox full");
      });
      const job = await withSpan("request", () => queue.add("welcome", { to: "ada" }, { attempts: 4 }));
      await job.waitUntilFinished(events);
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(4));
      const [producer] = only(SpanKind.PRODUCER);
      const [first, ...retries] = only(SpanKind.CONSUMER);
      expect(traceOf(first)).toBe(traceOf(producer));
      expect(new Set([...retries, producer].map(traceOf)).size).toBe(4);
      expect(retries.map(linkOf)).toEqual([idOf(producer), idOf(producer), idOf(producer)]);
      expect([first, ...retries].map((span) => span?.status.code)).toEqual([
        SpanStatusCode.ERROR,
        SpanStatusCode.ERROR,
        SpanStatusCode.ERROR,
        SpanStatusCode.UNSET,
      ]);
    });

    const sendNewsletter = (queue: Queue) =>
      withSpan("newsletter", () =>
        queue.addBulk(Array.from({ length: 1000 }, (_, n) => ({ name: "issue", data: { n } }))),
      );
    const spansOfSender = () => {
      const [producer] = only(SpanKind.PRODUCER);
      return exporter.getFinishedSpans().filter((span) => traceOf(span) === traceOf(producer));
    };

    test("a fan-out of 1,000 is one PRODUCER span and 1,000 linked traces", async () => {
      const { queue, work } = await openQueue();
      await sendNewsletter(queue);
      work(() => Promise.resolve());
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(1000), { timeout: 20_000 });
      const [producer, ...more] = only(SpanKind.PRODUCER);
      expect(more).toEqual([]);
      expect(new Set(only(SpanKind.CONSUMER).map(traceOf)).size).toBe(1000);
      expect(only(SpanKind.CONSUMER).every((span) => linkOf(span) === idOf(producer))).toBe(true);
      expect(spansOfSender()).toHaveLength(2);
    }, 30_000);

    test("a fan-out of 1,000 with the instrumentation of ioredis leaves its sender a trace of less than 1,100 spans", async () => {
      const instrumentation = new IORedisInstrumentation();
      // It patches what is required from here on, and what bullmq imports is the same class.
      createRequire(import.meta.url)("ioredis");
      try {
        const { queue } = await openQueue();
        await sendNewsletter(queue);
        const commands = only(SpanKind.CLIENT).map(traceOf);
        expect(commands.length).toBeGreaterThanOrEqual(1000);
        expect(spansOfSender().length).toBeLessThan(1100);
        expect(new Set(commands)).toEqual(new Set(spansOfSender().map(traceOf)));
      } finally {
        instrumentation.disable();
      }
    }, 30_000);

    test("a step job that writes its data back is linked to its sender in each step, and sees what it wrote", async () => {
      const { queue, events, work } = await openQueue();
      const seen: unknown[] = [];
      work(async (job, token) => {
        seen.push(job.data, Object.keys(job.data));
        const step = job.data.step + 1;
        if (step > 3) return;
        const written = { ...job.data, step };
        await job.updateData(written);
        expect(job.data).toBe(written);
        await job.moveToDelayed(Date.now(), token);
        throw new DelayedError();
      });
      const job = await withSpan("request", () => queue.add("order", { step: 1 }));
      await job.waitUntilFinished(events);
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(3));
      const [producer] = only(SpanKind.PRODUCER);
      const [first, ...steps] = only(SpanKind.CONSUMER);
      expect(first?.parentSpanContext?.spanId).toBe(idOf(producer));
      expect(steps.map(linkOf)).toEqual([idOf(producer), idOf(producer)]);
      expect(seen).toEqual([1, 2, 3].flatMap((step) => [{ step }, ["step"]]));
    }, 20_000);

    test("a job of a queue that is not traced runs in a trace of its own, as it was sent", async () => {
      const { queue, events, work } = await openQueue();
      const plain = new Queue(queue.name, { connection });
      closing.push(() => plain.close());
      const seen: unknown[] = [];
      work(async (job) => {
        seen.push(job.data, Object.keys(job.data));
        return "sent";
      });
      const job = await withSpan("request", () => plain.add("welcome", { to: "ada" }));
      expect(await job.waitUntilFinished(events)).toBe("sent");
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(1));
      const [consumer] = only(SpanKind.CONSUMER);
      expect(consumer?.parentSpanContext).toBeUndefined();
      expect(consumer?.links).toEqual([]);
      expect(consumer?.attributes).not.toHaveProperty("throughline.job.relation");
      expect(only(SpanKind.PRODUCER)).toEqual([]);
      expect(seen).toEqual([{ to: "ada" }, ["to"]]);
    });

    test("a job that is delayed by more than a minute has a trace of its own, linked to its sender", async () => {
      const { queue, events, work } = await openQueue();
      work(() => Promise.resolve());
      // Sent so long ago that it is due.
      const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() - 62_000);
      const sent = withSpan("request", () => queue.add("reminder", { to: "ada" }, { delay: 61_000 }));
      const job = await sent.finally(() => now.mockRestore());
      await job.waitUntilFinished(events);
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(1));
      const [producer] = only(SpanKind.PRODUCER);
      const [consumer] = only(SpanKind.CONSUMER);
      expect(consumer?.attributes["throughline.job.relation"]).toBe("delay");
      expect(traceOf(consumer)).not.toBe(traceOf(producer));
      expect(consumer && linkOf(consumer)).toBe(idOf(producer));
    });

    test("a processor that takes an AbortSignal gets it", async () => {
      const { queue, events, work } = await openQueue();
      work(async (_job, _token, signal) => signal instanceof AbortSignal);
      const job = await queue.add("welcome", { to: "ada" });
      expect(await job.waitUntilFinished(events)).toBe(true);
    });

    test("a repeated job, a job put back and one without data run, each in a trace that ends", async () => {
      const { queue, work } = await openQueue();
      let runs = 0;
      const process = async (job: Job, token?: string): Promise<void> => {
        runs += 1;
        if (job.name !== "later" || runs > 1) return;
        await job.moveToDelayed(Date.now(), token);
        throw new DelayedError();
      };
      work(process);
      await queue.add("later", { to: "ada" });
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(2), { timeout: 10_000 });
      await queue.add("nightly", { to: "all" }, { repeat: { every: 50, limit: 2 } });
      await queue.add("ping", undefined);
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(5), { timeout: 10_000 });
      const told = only(SpanKind.CONSUMER).map(({ attributes, status }) =>
        [
          attributes["throughline.job.name"],
          attributes["throughline.job.relation"],
          attributes["throughline.job.left_by"] ?? "done",
          status.code,
        ].join(" "),
      );
      expect(told.sort()).toEqual([
        "later parent DelayedError 0",
        "later retry done 0",
        "nightly repeat done 0",
        "nightly repeat done 0",
        "ping parent done 0",
      ]);
    }, 30_000);

    test("each job of a scheduler is a trace of its own, linked to the span that set the scheduler up", async () => {
      const { queue, work } = await openQueue();
      const seen: unknown[] = [];
      work((job) => Promise.resolve(seen.push(job.data)));
      await withSpan("boot", () =>
        queue.upsertJobScheduler("digest", { every: 50, limit: 2 }, { name: "digest", data: { to: "all" } }),
      );
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(2), { timeout: 10_000 });
      const [producer, ...more] = only(SpanKind.PRODUCER);
      expect(more).toEqual([]);
      expect(only(SpanKind.CONSUMER).map(linkOf)).toEqual([idOf(producer), idOf(producer)]);
      expect(new Set(exporter.getFinishedSpans().map(traceOf)).size).toBe(3);
      expect(only(SpanKind.CONSUMER).map((span) => span.attributes["throughline.job.relation"])).toEqual([
        "repeat",
        "repeat",
      ]);
      expect(seen).toEqual([{ to: "all" }, { to: "all" }]);
    }, 20_000);

    test("a flow is one PRODUCER span, and each of its jobs runs in its trace", async () => {
      const [parts, whole] = [await openQueue(), await openQueue()];
      const flows = traceFlowProducer(new FlowProducer({ connection }));
      closing.push(() => flows.close());
      parts.work((job) => Promise.resolve(job.data));
      whole.work((job) => Promise.resolve(job.data));
      const flow = {
        name: "order",
        queueName: whole.queue.name,
        children: ["paint", "pack"].map((name) => ({ name, queueName: parts.queue.name, data: { name } })),
      };
      const node = await withSpan("request", () => flows.add(flow));
      expect(await node.job.waitUntilFinished(whole.events)).toEqual({});
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(3));
      const [producer, ...more] = only(SpanKind.PRODUCER);
      expect(more).toEqual([]);
      expect(producer?.attributes).toMatchObject({
        "messaging.destination.name": whole.queue.name,
        "messaging.batch.message_count": 3,
        "throughline.job.name": "order",
      });
      expect(only(SpanKind.CONSUMER).map((span) => span.parentSpanContext?.spanId)).toEqual(
        Array.from({ length: 3 }, () => idOf(producer)),
      );
      await flows.addBulk([flow, flow]);
      await vi.waitFor(() => expect(only(SpanKind.CONSUMER)).toHaveLength(9));
      expect(only(SpanKind.PRODUCER).map(({ name }) => name)).toEqual(
        Array.from({ length: 2 }, () => `publish ${whole.queue.name}`),
      );
    }, 20_000);

    test("a queue that is traced twice sends one carrier and opens one span", async () => {
      const { queue } = await openQueue();
      await traceQueue(queue).add("welcome", { to: "ada" });
      expect(only(SpanKind.PRODUCER)).toHaveLength(1);
    });
  },
);

import * as fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { endedSpan } from "../../test/ended-span.ts";
import { type FakeCollector, startFakeCollector } from "../../test/fake-collector.ts";
import { type BatchProcessor, createBatchProcessor } from "./batch-processor.ts";
import { createHttpSender } from "./delivery/http-sender.ts";
import type { Outcome } from "./delivery/sender.ts";
import { createJsonEncoder } from "./otlp/encode-json.ts";
import type { BatchOptions } from "./sending.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

interface Pipeline {
  readonly processor: BatchProcessor;
  readonly warnings: string[];
  readonly informed: string[];
}

function startPipeline(url: string, changes: Partial<BatchOptions> = {}, timeoutMs = 10_000): Pipeline {
  const encoder = createJsonEncoder();
  const warnings: string[] = [];
  const informed: string[] = [];
  const sender = createHttpSender({
    url: `${url}/v1/traces`,
    rpc: "",
    headers: {},
    contentType: encoder.contentType,
    compression: "gzip",
    timeoutMs,
    tls: {},
  });
  const processor = createBatchProcessor({
    encoder,
    send: sender.send,
    close: sender.close,
    trouble: { warn: (text) => warnings.push(text), over: (text) => informed.push(text) },
    where: url,
    delayMs: 5,
    maxBatchSpans: 512,
    queueMaxBytes: 32 * 1024 * 1024,
    retryDelayMs: 5,
    ...changes,
  });
  stops.push(() => processor.shutdown());
  return { processor, warnings, informed };
}

async function startCollector(port = 0): Promise<FakeCollector> {
  const collector = await startFakeCollector(port);
  stops.push(() => collector.stop().catch(() => undefined));
  return collector;
}

function end(processor: BatchProcessor, count: number, from = 0): void {
  for (let index = from; index < from + count; index++) processor.onEnd(endedSpan(index));
}

test("10,000 spans in one tick all arrive, over few connections", async () => {
  const collector = await startCollector();
  const { processor, warnings } = startPipeline(collector.url);
  end(processor, 10_000);
  await vi.waitFor(() => expect(collector.spanCount()).toBe(10_000), { timeout: 10_000 });
  await processor.forceFlush();
  expect(processor.counts()).toEqual({ created: 10_000, sent: 10_000, rejected: 0, dropped: 0, waiting: 0 });
  expect(collector.connections()).toBeLessThanOrEqual(4);
  expect(warnings).toEqual([]);
});

test("a flush is a barrier: when it resolves, the collector has every span that had ended", async () => {
  const collector = await startCollector();
  const { processor } = startPipeline(collector.url, { delayMs: 60_000 });
  end(processor, 1300);
  await processor.forceFlush();
  expect(collector.spanCount()).toBe(1300);
});

test("a flush of a process that goes on making spans ends", async () => {
  const collector = await startCollector();
  const { processor } = startPipeline(collector.url, { delayMs: 0 });
  end(processor, 600);
  let next = 600;
  const busy = setInterval(() => {
    end(processor, 600, next);
    next += 600;
  }, 0);
  await processor.forceFlush();
  clearInterval(busy);
  expect(collector.spanCount()).toBeGreaterThanOrEqual(600);
});

test("a span that is not sampled is not sent", async () => {
  const collector = await startCollector();
  const { processor } = startPipeline(collector.url);
  const span = endedSpan(0);
  processor.onEnd({ ...span, spanContext: () => ({ ...span.spanContext(), traceFlags: 0 }) });
  await processor.forceFlush();
  expect([collector.posts.length, processor.counts().created]).toEqual([0, 0]);
});

test("a collector that comes back gets what waited, and one line says so", async () => {
  const collector = await startCollector();
  const { url, port } = collector;
  await collector.stop();
  const { processor, warnings, informed } = startPipeline(url);
  end(processor, 1000);
  await vi.waitFor(() => expect(warnings.length).toBeGreaterThan(1));
  expect(warnings[0]).toMatch(/takes no spans now: .*ECONNREFUSED.*1000 wait\. Start it or correct OTEL_/);
  const again = await startCollector(port);
  await vi.waitFor(() => expect(again.spanCount()).toBe(1000));
  await vi.waitFor(() =>
    expect(informed).toEqual([expect.stringContaining("takes spans again; 0 were dropped")]),
  );
});

test("what a full queue drops is counted exactly, and told to the collector once it is back", async () => {
  const collector = await startCollector();
  collector.reply = () => ({ status: 503 });
  const { processor, warnings } = startPipeline(collector.url, { queueMaxBytes: 1024 * 1024 });
  for (let tick = 0; tick < 30; tick++) {
    end(processor, 1000, tick * 1000);
    await new Promise(setImmediate);
  }
  await vi.waitFor(() => expect(warnings.length).toBeGreaterThan(1));
  const down = processor.counts();
  expect(down.dropped).toBeGreaterThan(10_000);
  expect(down.sent + down.dropped + down.waiting).toBe(30_000);
  collector.reply = () => "take";
  // A try that was on its way already may have been refused.
  await vi.waitFor(async () => {
    await processor.forceFlush();
    expect(processor.counts().waiting).toBe(0);
  });
  const { sent, dropped, waiting } = processor.counts();
  expect([sent + dropped, waiting]).toEqual([30_000, 0]);
  expect([collector.spanCount(), collector.toldDropped()]).toEqual([sent, dropped]);
  // Whole traces: each that arrived has its ten spans.
  expect(sent % 10).toBe(0);
});

interface SentSpan {
  readonly spanId: string;
  readonly parentSpanId?: string;
}

function spansIn(body: Uint8Array): readonly SentSpan[] {
  const { resourceSpans } = JSON.parse(Buffer.from(body).toString());
  return resourceSpans.flatMap((each: { scopeSpans: { spans: SentSpan[] }[] }) =>
    each.scopeSpans.flatMap(({ spans }) => spans),
  );
}

test("whatever a full queue drops while the collector fails now and then, no span arrives without its parent", async () => {
  let torn = 0;
  // Whether it is flushed after a span, and whether the collector takes what comes.
  const steps = fc.array(fc.record({ flushes: fc.nat({ max: 8 }), takes: fc.boolean() }), {
    minLength: 10,
    maxLength: 40,
    size: "max",
  });
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const arrived: SentSpan[] = [];
      let takes = true;
      const { processor } = startPipeline("http://collector.test", {
        delayMs: 60_000,
        retryDelayMs: 60_000,
        queueMaxBytes: 7000,
        send: (body) => {
          if (!takes) return Promise.resolve({ kind: "later", reason: "503", cure: "", reached: true });
          arrived.push(...spansIn(body));
          return Promise.resolve({ kind: "taken", rejected: 0, message: "" });
        },
      });
      const { traceId, ...root } = endedSpan(0).spanContext();
      const caller = { traceId, spanId: "f".repeat(16), traceFlags: 1, isRemote: true };
      const endOne = (index: number, parent: typeof caller): void => {
        const spanContext = () => ({ ...root, traceId, spanId: index.toString(16).padStart(16, "0") });
        processor.onEnd(endedSpan(index, { spanContext, parentSpanContext: parent }));
      };
      const parentOf = (index: number) => ({
        ...root,
        traceId,
        isRemote: false,
        spanId: `${index}`.padStart(16, "0"),
      });
      for (const [index, step] of plan.entries()) {
        endOne(index + 3, parentOf((index % 2) + 1));
        // What is on its way is never dropped, and must leave room for three parents.
        takes = step.takes || processor.counts().waiting > 3;
        if (step.flushes === 0) await processor.forceFlush();
      }
      takes = true;
      for (const index of [1, 2]) endOne(index, parentOf(0));
      endOne(0, caller);
      await processor.forceFlush();
      await processor.forceFlush();
      const ids = new Set([caller.spanId, ...arrived.map(({ spanId }) => spanId)]);
      expect(arrived.filter(({ parentSpanId = "" }) => !ids.has(parentSpanId))).toEqual([]);
      if (processor.counts().dropped > 0 && arrived.length > 3) torn += 1;
      await processor.shutdown();
    }),
    { numRuns: 150 },
  );
  expect(torn).toBeGreaterThan(20);
});

test("drops are told even when no span comes after them", async () => {
  const collector = await startCollector();
  collector.reply = (post) => (post === 1 ? { status: 401 } : "take");
  const { processor, warnings } = startPipeline(collector.url);
  end(processor, 20);
  await processor.forceFlush();
  expect([collector.spanCount(), collector.toldDropped()]).toEqual([0, 20]);
  expect(warnings).toEqual([
    expect.stringMatching(
      /are dropped, 20 since the start: status 401\. Correct OTEL_EXPORTER_OTLP_HEADERS\./,
    ),
  ]);
});

test("flushes that come too soon after a failure do not use up a batch's tries", async () => {
  let isUp = false;
  let asked = 0;
  const { processor } = startPipeline("http://collector.test", {
    delayMs: 60_000,
    retryDelayMs: 60_000,
    send: () => {
      asked += 1;
      return Promise.resolve(
        isUp
          ? { kind: "taken", rejected: 0, message: "" }
          : { kind: "later", reason: "status 503", cure: "Wait", reached: true },
      );
    },
  });
  end(processor, 3);
  for (let count = 0; count < 20; count++) await processor.forceFlush();
  expect([asked, processor.counts()]).toMatchObject([20, { waiting: 3, dropped: 0 }]);
  isUp = true;
  await processor.forceFlush();
  expect(processor.counts()).toMatchObject({ sent: 3, waiting: 0 });
});

test("Retry-After is kept", async () => {
  const collector = await startCollector();
  const arrivals: number[] = [];
  collector.reply = (post) => {
    arrivals.push(performance.now());
    return post === 1 ? { status: 429, headers: { "retry-after": "1" } } : "take";
  };
  const { processor } = startPipeline(collector.url);
  end(processor, 1);
  await vi.waitFor(() => expect(collector.spanCount()).toBe(1), { timeout: 5000 });
  expect((arrivals[1] ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThanOrEqual(990);
});

test("while the collector fails, one batch at a time asks whether it is back", async () => {
  const collector = await startCollector();
  let open = 0;
  let most = 0;
  collector.reply = (post) => {
    if (post > 4) {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
      }, 5);
    }
    return { status: 503, delayMs: 5 };
  };
  const { processor } = startPipeline(collector.url, { delayMs: 0 });
  end(processor, 5000);
  await vi.waitFor(() => expect(collector.posts.length).toBeGreaterThan(9), 5000);
  expect(most).toBe(1);
});

test("while a try at a silent collector is on its way, what waits does not keep the process busy", async () => {
  let tries = 0;
  let answer = (_: Outcome): void => undefined;
  const silent = new Promise<Outcome>((resolve) => {
    answer = resolve;
  });
  const { processor } = startPipeline("http://127.0.0.1:1", {
    send: async () => {
      tries += 1;
      return tries === 1 ? { kind: "later", reason: "503", cure: "", reached: true } : silent;
    },
  });
  end(processor, 100);
  await vi.waitFor(() => expect(tries).toBe(2));
  const woken = vi.spyOn(globalThis, "setImmediate");
  end(processor, 2000, 100);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve));
  expect(woken.mock.calls.length).toBeLessThan(2);
  woken.mockRestore();
  answer({ kind: "taken", rejected: 0, message: "" });
  await processor.forceFlush();
  expect(processor.counts()).toMatchObject({ created: 2100, sent: 2100 });
});

test("a batch that the collector never takes is dropped in the end, and the others go on", async () => {
  const collector = await startCollector();
  collector.reply = (post) => (post <= 8 ? { status: 503 } : "take");
  const { processor } = startPipeline(collector.url, { retryDelayMs: 1 });
  end(processor, 10);
  await vi.waitFor(() => expect(processor.counts().dropped).toBe(10));
  end(processor, 10, 10);
  await vi.waitFor(() => expect(collector.spanCount()).toBe(10));
  expect(collector.toldDropped()).toBe(10);
});

test("partial success is read and told", async () => {
  const collector = await startCollector();
  const partialSuccess = { rejectedSpans: "3", errorMessage: "too old" };
  collector.reply = () => ({
    status: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ partialSuccess }),
  });
  const { processor, warnings } = startPipeline(collector.url);
  end(processor, 10);
  await processor.forceFlush();
  expect(processor.counts()).toMatchObject({ sent: 7, rejected: 3, dropped: 0 });
  expect(warnings).toEqual([expect.stringContaining("without 3 of its 10 spans: too old")]);
});

test("a collector that never answers costs one deadline, then another try", async () => {
  const collector = await startCollector();
  collector.reply = (post) => (post === 1 ? "silence" : "take");
  const { processor, warnings } = startPipeline(collector.url, {}, 50);
  end(processor, 10);
  await vi.waitFor(() => expect(collector.spanCount()).toBe(10));
  expect(warnings[0]).toContain("no answer within 50 ms");
});

test("a span that cannot be written costs itself alone, and its code hears nothing of it", async () => {
  const collector = await startCollector();
  const { processor, warnings } = startPipeline(collector.url);
  const attributes = {
    get broken(): string {
      throw new Error("not today");
    },
  };
  processor.onEnd(endedSpan(0));
  processor.onEnd(endedSpan(1, { attributes }));
  processor.onEnd(endedSpan(2));
  await processor.forceFlush();
  expect(collector.spans().map(({ name }) => name)).toEqual(["span 0", "span 2"]);
  expect(processor.counts()).toMatchObject({ created: 3, sent: 2, dropped: 1 });
  expect(warnings[0]).toContain("not today");
});

test("a stop sends what waits, and a silent collector holds it for a second at most", async () => {
  const collector = await startCollector();
  const first = startPipeline(collector.url, { delayMs: 60_000 });
  end(first.processor, 10);
  await first.processor.shutdown();
  expect(collector.spanCount()).toBe(10);

  collector.reply = () => "silence";
  const second = startPipeline(collector.url, { delayMs: 60_000 });
  end(second.processor, 10, 10);
  const before = performance.now();
  await second.processor.shutdown();
  expect(performance.now() - before).toBeLessThan(1200);
  expect(second.processor.counts()).toMatchObject({ dropped: 10, waiting: 0 });
  end(second.processor, 10, 20);
  expect(second.processor.counts().created).toBe(10);
});

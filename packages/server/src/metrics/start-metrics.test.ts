import { once } from "node:events";
import { createServer, get, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { context, SpanKind, trace } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type HistogramMetricData,
  InMemoryMetricExporter,
  type MetricData,
} from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type Sampler,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, expect, test } from "vitest";
import { recordRequests } from "./record-requests.ts";
import { type RunningMetrics, startMetrics } from "./start-metrics.ts";

const spans = new InMemorySpanExporter();
let exporter: InMemoryMetricExporter;
let running: RunningMetrics;
let dropped = 0;

function start(): void {
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  running = startMetrics({
    resource: emptyResource(),
    exporter,
    intervalMs: 3_600_000,
    isNoise: ({ url }) => url === "/healthz",
    droppedSpans: () => dropped,
  });
}
beforeEach(() => {
  spans.reset();
  dropped = 0;
  start();
});
afterEach(async () => {
  await running.stop();
  server?.close();
});

async function collect(): Promise<ReadonlyMap<string, MetricData>> {
  await running.flush();
  const all =
    exporter
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
  return new Map(all.map((metric) => [metric.descriptor.name, metric]));
}

async function durations(): Promise<HistogramMetricData["dataPoints"]> {
  return (
    ((await collect()).get("http.server.request.duration") as HistogramMetricData | undefined)?.dataPoints ??
    []
  );
}

function serve(sampler: Sampler, requests: readonly Record<string, string | number>[]): void {
  const provider = new BasicTracerProvider({
    sampler: recordRequests(sampler),
    spanProcessors: [running.measure(new SimpleSpanProcessor(spans))],
  });
  for (const attributes of requests) {
    const start = Date.now();
    provider
      .getTracer("test")
      .startSpan("request", { kind: SpanKind.SERVER, attributes, startTime: start })
      .end(start + 250);
  }
}

const request = (route: string, method = "GET", status = 200) => ({
  "http.request.method": method,
  "http.route": route,
  "http.response.status_code": status,
});

test("every request is measured by route, method and status, sampled or not", async () => {
  serve(new AlwaysOffSampler(), [request("/a"), request("/a"), request("/b", "POST", 503)]);
  const points = await durations();
  expect(
    points.map(({ attributes, value }) => [
      attributes["http.request.method"],
      attributes["http.route"],
      attributes["http.response.status_code"],
      value.count,
    ]),
  ).toEqual([
    ["GET", "/a", 200, 2],
    ["POST", "/b", 503, 1],
  ]);
  expect(points[0]?.value.sum).toBeCloseTo(0.5, 3);
  expect(spans.getFinishedSpans()).toEqual([]);
});

test("a span that is kept is measured and exported", async () => {
  serve(new AlwaysOnSampler(), [request("/a")]);
  expect((await durations()).map(({ value }) => value.count)).toEqual([1]);
  expect(spans.getFinishedSpans()).toHaveLength(1);
});

test("an unsampled request tells its callees so, and its children are not recorded", () => {
  const provider = new BasicTracerProvider({ sampler: recordRequests(new AlwaysOffSampler()) });
  const tracer = provider.getTracer("test");
  const server = tracer.startSpan("request", { kind: SpanKind.SERVER });
  expect(server.spanContext().traceFlags).toBe(0);
  const child = tracer.startSpan("child", {}, trace.setSpan(context.active(), server));
  expect(child.isRecording()).toBe(false);
});

test("invented routes and methods do not make series without end", async () => {
  serve(
    new AlwaysOffSampler(),
    Array.from({ length: 3000 }, (_, index) => request(`/r${index}`, `M${index}`)),
  );
  const points = await durations();
  expect(points.length).toBeLessThanOrEqual(1000);
  expect(points.reduce((sum, { value }) => sum + value.count, 0)).toBe(3000);
  expect(new Set(points.map(({ attributes }) => attributes["http.request.method"]))).toEqual(
    new Set(["_OTHER", undefined]),
  );
});

let server: Server | undefined;
const active = async () =>
  (await collect()).get("http.server.active_requests")?.dataPoints.map(({ value }) => value);

/** A request that waits for its answer. */
async function openRequest(): Promise<{ answer(): void; readonly closed: Promise<unknown> }> {
  const listening = createServer();
  server = listening;
  await once(listening.listen(0, "127.0.0.1"), "listening");
  const { port } = listening.address() as AddressInfo;
  const closed = new Promise((resolve) =>
    get({ port }, (response) => response.resume().once("close", resolve)),
  );
  const [, response] = (await once(listening, "request")) as [unknown, ServerResponse];
  return { answer: () => response.end("done"), closed };
}

test("a request is active until its response is closed", async () => {
  const { answer, closed } = await openRequest();
  expect(await active()).toEqual([1]);
  answer();
  await closed;
  await expect.poll(active).toEqual([0]);
});

test("so is one that came before anybody counted", async () => {
  await running.stop();
  const { answer, closed } = await openRequest();
  start();
  expect(await active()).toEqual([1]);
  answer();
  await closed;
  await expect.poll(active).toEqual([0]);
});

test("a pipelined request whose connection breaks while it waits for its turn is no longer active", async () => {
  const listening = createServer(({ url }) => {
    if (url === "/2") connection.destroy();
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const connection = connect((listening.address() as AddressInfo).port, "127.0.0.1");
  for (const path of ["/1", "/2"]) connection.write(`GET ${path} HTTP/1.1\r\nHost: shop.test\r\n\r\n`);
  await new Promise((resolve) => connection.once("close", resolve));
  await expect.poll(active).toEqual([0]);
});

test("the system, the process, the event loop, garbage collections and lost spans are there", async () => {
  dropped = 7;
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  // The delay has values once the loop has turned a few times.
  await expect
    .poll(async () => [...(await collect()).keys()])
    .toEqual(
      expect.arrayContaining([
        "system.cpu.time",
        "system.memory.usage",
        "process.cpu.time",
        "process.memory.usage",
        "nodejs.eventloop.utilization",
        "nodejs.eventloop.delay.p99",
        "v8js.memory.heap.used",
        "v8js.gc.duration",
      ]),
    );
  expect((await collect()).get("throughline.spans.dropped")?.dataPoints.map(({ value }) => value)).toEqual([
    7,
  ]);
});

test("what failed is a series of its own", async () => {
  serve(new AlwaysOnSampler(), [{ ...request("/a", "GET", 500), "error.type": "500" }]);
  expect((await durations())[0]?.attributes).toEqual({
    ...request("/a", "GET", 500),
    "error.type": "500",
    "url.scheme": "http",
  });
});

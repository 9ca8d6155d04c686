import { once } from "node:events";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import {
  context,
  defaultTextMapGetter,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import { emptyResource } from "@opentelemetry/resources";
import {
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, test, vi } from "vitest";
import { createContextStorage } from "../context-storage.ts";
import { createCallerTrust } from "../outbound/caller-trust.ts";
import { createPropagator } from "../outbound/propagator.ts";
import { createTracerProvider, type RequestTracerProvider } from "../tracer/tracer.ts";
import { type ResponseRecord, type ResponseRecords, recordResponses } from "./response-record.ts";
import { createSampler } from "./sampler.ts";

const LIMITS = { attributes: 20, valueLength: 100, events: 10, links: 10 };
const NOTHING: SpanProcessor = {
  onStart: () => undefined,
  onEnd: () => undefined,
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};
const REQUESTS_PER_TRACE = 2;
/** Of `public/`: Next.js sends it without reading the caller's headers. */
const FILE = "/tiles.png";

const undoings: (() => void)[] = [];
afterEach(() => {
  for (const undo of undoings.splice(0)) undo();
});

interface Traced {
  readonly tracer: Tracer;
  readonly provider: RequestTracerProvider;
  readonly records: ResponseRecords;
  /** Answers one real request by `handle`, with these headers. */
  request<T>(handle: () => T, headers?: Record<string, string>, path?: string): Promise<T>;
}

/** As `runBeside` wires it in Next.js. */
function traced(sampler: Sampler): Traced {
  const storage = createContextStorage<ResponseRecord>();
  const records = recordResponses(() => false, storage.requests);
  const trust = createCallerTrust({
    origins: [],
    requestsPerTrace: REQUESTS_PER_TRACE,
    isOwn: (traceId) => trace.getSpanContext(context.active())?.traceId === traceId,
  });
  const propagator = createPropagator({
    propagators: ["tracecontext", "baggage"],
    trust,
    acceptBaggage: ["tenant"],
    servesNoise: () => records.current()?.isNoise === true,
  });
  context.setGlobalContextManager(storage.manager);
  const provider = createTracerProvider({
    sampler,
    processor: NOTHING,
    resource: emptyResource(),
    limits: LIMITS,
  });
  records.decideBy(({ headers, url = "/" }) => provider.decide(propagator.lookAt(headers), url));
  let answer: (() => void) | undefined;
  const server = createServer((request, response) => {
    // As Next.js does before its SERVER span, where nothing is current yet.
    const isKnown = request.url === FILE || trace.getSpanContext(context.active()) !== undefined;
    const caller = isKnown
      ? context.active()
      : propagator.extract(context.active(), request.headers, defaultTextMapGetter);
    context.with(caller, () => answer?.());
    response.end();
  });
  undoings.push(() => {
    context.disable();
    records.stop();
    server.close();
    server.closeAllConnections();
  });
  const ready = once(server.listen(0, "127.0.0.1"), "listening");
  return {
    provider,
    records,
    tracer: provider.getTracer("next.js"),
    async request<T>(handle: () => T, headers: Record<string, string> = {}, path = "/"): Promise<T> {
      await ready;
      const { port } = server.address() as AddressInfo;
      const answered = new Promise<T>((resolve) => {
        answer = () => resolve(handle());
      });
      const [response] = await once(
        get({ port, path, host: "127.0.0.1", headers, agent: false }),
        "response",
      );
      response.resume();
      return answered;
    },
  };
}

function byRatio(ratio: number): Sampler {
  return createSampler({
    name: "",
    ratio,
    paths: { basePath: "", ingestPath: "/api/tl" },
    trustsCaller: true,
  });
}

const SERVER = { kind: SpanKind.SERVER };
const caller = (flags: string) => ({
  traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`,
});
const currentSpan = () => trace.getSpan(context.active());
/** What Next.js asks before each of its spans (`isOpenTelemetryEnabled`). */
const asks = (provider: RequestTracerProvider) => provider.constructor.name;

test("a request that is not kept is dropped before its first span, and Next.js hears that nothing is traced", async () => {
  const { provider, tracer, request } = traced(byRatio(0));
  const seen = await request(() => ({
    span: currentSpan(),
    asked: asks(provider),
    server: tracer.startSpan("GET", SERVER),
  }));
  expect(seen.asked).toBe("NoopTracerProvider");
  expect(seen.server).toBe(seen.span);
  const { traceId, spanId, traceFlags } = seen.server.spanContext();
  expect([traceId, spanId, traceFlags]).toEqual([
    expect.stringMatching(/^\w{32}$/),
    expect.stringMatching(/^\w{16}$/),
    0,
  ]);
});

test("one whose caller does not keep its trace stays in that trace", async () => {
  const { request } = traced(byRatio(1));
  const span = await request(currentSpan, caller("00"));
  expect(span?.isRecording()).toBe(false);
  expect(span?.spanContext()).toMatchObject({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    traceFlags: 0,
  });
  expect(span?.spanContext().spanId).not.toBe("b7ad6b7169203331");
});

test("one that is kept has no span before its first, which is below its caller's", async () => {
  const { provider, tracer, request } = traced(byRatio(0));
  const seen = await request(
    () => ({ asked: asks(provider), server: tracer.startSpan("GET", SERVER) }),
    caller("01"),
  );
  expect(seen.asked).toBe("Object");
  expect(seen.server.isRecording()).toBe(true);
  expect(seen.server).toMatchObject({ parentSpanContext: { spanId: "b7ad6b7169203331" } });
});

test("a request is decided once: of a share of a half, half are kept, whole", async () => {
  const { tracer, request } = traced(byRatio(0.5));
  let kept = 0;
  for (let count = 0; count < 300; count++) {
    const [server, other] = await request(() => [
      tracer.startSpan("GET", SERVER),
      tracer.startSpan("work beside it"),
    ]);
    expect(other?.isRecording()).toBe(server?.isRecording());
    expect(other?.spanContext().traceId).toBe(server?.spanContext().traceId);
    if (server?.isRecording()) kept += 1;
  }
  // Five times the standard deviation; a quarter, which deciding twice would keep, is 75.
  expect(Math.abs(kept - 150)).toBeLessThan(45);
});

test("a root that is asked for is of its own trace", async () => {
  const { tracer, request } = traced(byRatio(1));
  const [server, root] = await request(() => [
    tracer.startSpan("GET", SERVER),
    tracer.startSpan("job", { root: true }),
  ]);
  expect(root?.spanContext().traceId).not.toBe(server?.spanContext().traceId);
});

test("work that is detached from a request is decided for itself", async () => {
  const { tracer, records, request } = traced(byRatio(1));
  const detached = () => context.with(ROOT_CONTEXT, () => tracer.startSpan("poll").spanContext().traceId);
  const [server, polls] = await request(() => {
    const span = tracer.startSpan("GET", SERVER);
    records.setSpan(span);
    return [span, [detached(), detached()]] as const;
  });
  expect(new Set([server.spanContext().traceId, ...polls]).size).toBe(3);
});

test("baggage that is accepted is read whether the request is kept or not", async () => {
  const { tracer, request } = traced(byRatio(0));
  const baggage = { baggage: "tenant=acme,other=1" };
  for (const headers of [baggage, { ...baggage, ...caller("01") }]) {
    const seen = await request(() => {
      tracer.startSpan("GET", SERVER);
      return propagation.getBaggage(context.active())?.getAllEntries();
    }, headers);
    expect(seen).toEqual([["tenant", expect.objectContaining({ value: "acme" })]]);
  }
});

test("a caller is counted once a request, and not where no span came about", async () => {
  const { tracer, request } = traced(byRatio(1));
  for (let count = 0; count < 5; count++) await request(() => undefined, caller("01"), FILE);
  const traceIds: (string | undefined)[] = [];
  for (let count = 0; count < REQUESTS_PER_TRACE + 1; count++)
    traceIds.push((await request(() => tracer.startSpan("GET", SERVER), caller("01"))).spanContext().traceId);
  const known = caller("01").traceparent.slice(3, 35);
  expect(traceIds).toEqual([known, known, expect.not.stringContaining(known)]);
});

test("a sampler that throws decides at the first span", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  undoings.push(() => warn.mockRestore());
  let asked = 0;
  const { tracer, request } = traced({
    shouldSample() {
      asked += 1;
      if (asked === 1) throw new Error("not yet");
      return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    },
    toString: () => "late",
  });
  expect((await request(() => tracer.startSpan("GET", SERVER))).isRecording()).toBe(true);
  expect(warn).toHaveBeenCalledWith(expect.stringContaining("a request's trace could not be decided"));
});

test("the first pass of Next.js begins with the request's head, a later one and what is beside it when it is opened", async () => {
  const { tracer, records, request } = traced(byRatio(1));
  const pass = { ...SERVER, attributes: { "next.span_type": "BaseServer.handleRequest" } };
  const spans = await request(() => {
    const opened = performance.now();
    while (performance.now() - opened < 5);
    const beside = tracer.startSpan("from elsewhere", SERVER);
    const first = tracer.startSpan("GET", pass);
    records.setSpan(first);
    return [first, beside, tracer.startSpan("GET", pass, trace.setSpan(context.active(), first))];
  });
  const [first = 0, ...others] = spans.map((span) =>
    hrTimeToMilliseconds((span as unknown as ReadableSpan).startTime),
  );
  for (const other of others) expect(other - first).toBeGreaterThanOrEqual(5);
});

test("of requests that came before anybody listened, those that are noise are known by their target", async () => {
  const { request, records: first } = traced(byRatio(1));
  first.stop();
  const seen = await request(
    () => {
      const records = recordResponses(({ headers }) => headers["x-probe"] === "1");
      undoings.push(() => records.stop());
      return ["/early", "/other"].map(records.isEarlyNoise);
    },
    { "x-probe": "1" },
    "/early",
  );
  expect(seen).toEqual([true, false]);
});

test("a document says whether it is kept, to a browser alone, and keeps the list of headers that the app writes", async () => {
  const timingOf = async (ratio: number, headers: Record<string, string>, isTold = true) => {
    // One app at a time.
    for (const undo of undoings.splice(0)) undo();
    const { records, request } = traced(byRatio(ratio));
    records.tellPages(isTold);
    return request(() => {
      const response = records.current()?.response;
      const told = response?.getHeader("server-timing");
      response?.writeHead(200, ["Set-Cookie", "a=1", "Set-Cookie", "b=2"]);
      expect(response?.getHeader("set-cookie") ?? ["a=1", "b=2"]).toEqual(["a=1", "b=2"]);
      return told;
    }, headers);
  };
  const page = { "sec-fetch-dest": "document" };
  expect(await timingOf(1, page)).toMatch(/^tsmp;desc="1 \d{13}"$/);
  expect(await timingOf(0, page)).toMatch(/^tsmp;desc="0 \d{13}"$/);
  expect(await timingOf(0, { "sec-fetch-dest": "empty" })).toBeUndefined();
  expect(await timingOf(1, {})).toBeUndefined();
  // A page that was built with another share, and a caller who says of which trace it is.
  expect(await timingOf(1, page, false)).toBeUndefined();
  expect(await timingOf(1, { ...page, ...caller("01") })).toBeUndefined();
});

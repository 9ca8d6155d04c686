import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import {
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import { emptyResource } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { redactUrls } from "../pipeline/redact-urls.ts";
import { createTracerProvider } from "../tracer/tracer.ts";
import { nextSpans } from "./next-spans.ts";
import { recordRequestError } from "./request-error.ts";
import { type ResponseRecords, recordResponses } from "./response-record.ts";

let records: ResponseRecords;
let exporter: InMemorySpanExporter;
let tracer: Tracer;
let server: Server | undefined;

beforeEach(() => {
  records = recordResponses();
  exporter = new InMemorySpanExporter();
  const processor = nextSpans(redactUrls(new SimpleSpanProcessor(exporter)), records);
  tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer("next.js");
});

afterEach(async () => {
  records.stop();
  server?.closeAllConnections();
  if (server) await once(server.close(), "close");
  server = undefined;
});

const CALLER = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: 1,
  isRemote: true,
};

/** Answers one real request by `handle`; resolves when the response is closed on the server's side. */
async function request(
  handle: Parameters<typeof createServer>[1],
  path = "/",
  headers: Record<string, string> = {},
): Promise<Response> {
  const { promise: closed, resolve } = defer();
  server = createServer((incoming, outgoing) => {
    outgoing.once("close", resolve);
    handle?.(incoming, outgoing);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  await response.text();
  await closed;
  return response;
}

/** Work in one piece, in which no event is told. */
function blockMs(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function defer(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function openServerSpan(target = "/api/orders?token=abc", parent = context.active()) {
  return tracer.startSpan(
    "GET",
    {
      kind: SpanKind.SERVER,
      attributes: {
        "next.span_type": "BaseServer.handleRequest",
        "http.method": "GET",
        "http.target": target,
      },
    },
    parent,
  );
}

function startNextSpan(name: string, parent: Span): Span {
  const attributes = { "next.span_type": "AppRender.getBodyResult" };
  return tracer.startSpan(name, { attributes }, trace.setSpan(context.active(), parent));
}

function finished(name: string): ReadableSpan | undefined {
  return exporter.getFinishedSpans().find((span) => span.name === name);
}

test("a request has one SERVER span, named by its route, with stable attributes only", async () => {
  await request((_, response) => {
    const span = openServerSpan();
    span.setAttributes({ "http.route": "/api/[...rest]", "http.status_code": 200 });
    response.end();
    span.end();
  });
  expect(exporter.getFinishedSpans()).toHaveLength(1);
  expect(finished("GET /api/[...rest]")?.attributes).toEqual({
    "next.span_type": "BaseServer.handleRequest",
    "http.request.method": "GET",
    "http.response.status_code": 200,
    "http.route": "/api/[...rest]",
    "url.path": "/api/orders",
    "url.query": "token=REDACTED",
    "url.scheme": "http",
  });
});

test("a SERVER span that tells of no request, as of a message on a socket, is not the request's", async () => {
  await request((_, response) => {
    const message = tracer.startSpan("message", { kind: SpanKind.SERVER, root: true });
    message.end();
    const span = openServerSpan("/orders");
    response.end();
    span.end();
  });
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["message", "GET"]);
});

test("with proxy.ts the outer span stays SERVER, takes over what the inner found, and its children", async () => {
  await request((_, response) => {
    const outer = openServerSpan("/orders/7");
    outer.setAttribute("http.status_code", 200);
    outer.end();
    const inner = openServerSpan("/rewritten", trace.setSpan(context.active(), outer));
    const render = startNextSpan("render route (app) /orders/[id]", inner);
    render.end();
    inner.setAttribute("http.route", "/orders/[id]");
    expect(exporter.getFinishedSpans()).toEqual([]);
    response.writeHead(201).end();
    inner.end();
  });
  const kinds = exporter.getFinishedSpans().map(({ name, kind }) => [name, kind]);
  expect(kinds).toEqual([
    ["GET /orders/[id]", SpanKind.SERVER],
    ["render route (app) /orders/[id]", SpanKind.INTERNAL],
  ]);
  const server = finished("GET /orders/[id]");
  expect(server?.parentSpanContext).toBeUndefined();
  expect(server?.attributes["http.response.status_code"]).toBe(201);
  expect(server?.attributes["url.path"]).toBe("/orders/7");
  expect(finished("render route (app) /orders/[id]")?.parentSpanContext?.spanId).toBe(
    server?.spanContext().spanId,
  );
});

test("a pass beside the first, of a page that is missing, is the same SERVER span, and what it renders below it", async () => {
  const caller = trace.setSpanContext(ROOT_CONTEXT, CALLER);
  await request((_, response) => {
    const first = openServerSpan("/none", caller);
    first.end();
    const again = openServerSpan("/none", caller);
    startNextSpan("render", again).end();
    response.writeHead(404).end();
    again.end();
  });
  const [server, ...more] = exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER);
  expect(more).toEqual([]);
  expect(server?.attributes["http.response.status_code"]).toBe(404);
  expect(server?.parentSpanContext?.spanId).toBe(CALLER.spanId);
  expect(finished("render")?.parentSpanContext?.spanId).toBe(server?.spanContext().spanId);
});

test("passes that end in any order, or after the response, are one SERVER span", async () => {
  const late: Span[] = [];
  await request((_, response) => {
    const outer = openServerSpan("/a");
    late.push(outer, openServerSpan("/a", trace.setSpan(context.active(), outer)));
    response.end();
  });
  expect(exporter.getFinishedSpans()).toEqual([]);
  for (const span of late) span.end();
  expect(exporter.getFinishedSpans().map(({ kind }) => kind)).toEqual([SpanKind.SERVER]);
});

test("the SERVER span of an HTTP instrumentation stands for Next.js's below it", async () => {
  await request((_, response) => {
    const outer = tracer.startSpan("GET", {
      kind: SpanKind.SERVER,
      attributes: { "http.request.method": "GET", "url.path": "/a", "url.scheme": "https" },
    });
    const inner = openServerSpan("/a", trace.setSpan(context.active(), outer));
    inner.setAttribute("http.route", "/[id]");
    inner.end();
    response.end();
    outer.end();
  });
  expect(exporter.getFinishedSpans().map(({ name, kind }) => [name, kind])).toEqual([
    ["GET /[id]", SpanKind.SERVER],
  ]);
  expect(finished("GET /[id]")?.attributes["url.scheme"]).toBe("https");
});

test("a SERVER span that ends early lasts until the response is over, and no span of Next.js ends before its children", async () => {
  await request((_, response) => {
    const server = openServerSpan("/stream");
    const handler = startNextSpan("executing api route (app) /stream", server);
    const part = tracer.startSpan("part", {}, trace.setSpan(context.active(), handler));
    const inner = tracer.startSpan("inner", {}, trace.setSpan(context.active(), part));
    handler.end();
    server.end();
    const [late, later] = [Date.now() + 1000, Date.now() + 2000];
    inner.end(later);
    part.end(late);
    response.end();
  });
  const ends = ["GET", "executing api route (app) /stream", "part", "inner"].map(
    (name) => finished(name)?.endTime,
  );
  expect(new Set(ends.map(String)).size).toBe(1);
  const server = finished("GET");
  expect(hrTimeToMilliseconds(server?.duration ?? [0, 0])).toBeGreaterThanOrEqual(1900);
});

test("a span of Next.js lasts as long as what is below a span that ended before", async () => {
  await request((_, response) => {
    const server = openServerSpan("/");
    const handler = startNextSpan("executing api route (app) /", server);
    const proxy = tracer.startSpan("proxy", {}, trace.setSpan(context.active(), handler));
    const call = tracer.startSpan("GET upstream", {}, trace.setSpan(context.active(), proxy));
    proxy.end();
    handler.end();
    const end = Date.now() + 900;
    call.end(end);
    response.end();
    server.end();
  });
  expect(finished("executing api route (app) /")?.endTime).toEqual(finished("GET upstream")?.endTime);
  expect(finished("proxy")?.endTime).not.toEqual(finished("GET upstream")?.endTime);
});

test("work that goes on after the response does not lengthen it", async () => {
  const open: Span[] = [];
  await request((_, response) => {
    const server = openServerSpan("/");
    const handler = startNextSpan("executing api route (app) /", server);
    open.push(tracer.startSpan("after", {}, trace.setSpan(context.active(), handler)));
    handler.end();
    response.end();
    server.end();
  });
  const before = finished("GET")?.endTime;
  open[0]?.end(Date.now() + 5000);
  expect(finished("after")?.parentSpanContext?.spanId).toBe(
    finished("executing api route (app) /")?.spanContext().spanId,
  );
  expect(finished("GET")?.endTime).toEqual(before);
});

test("a request that came before anybody listened has its record from its first span on", async () => {
  records.stop();
  await request((incoming, response) => {
    records = recordResponses();
    const processor = nextSpans(new SimpleSpanProcessor(exporter), records);
    tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer("next.js");
    expect(records.current()).toBeUndefined();
    openServerSpan("/other").end();
    const span = openServerSpan(incoming.url);
    expect(records.current()?.response).toBe(response);
    span.end();
    response.end();
  }, "/early");
  expect(exporter.getFinishedSpans().map(({ attributes }) => attributes["url.scheme"])).toEqual([
    undefined,
    "http",
  ]);
});

test("an answer that a handler breaks off itself is a failure, and nobody has left", async () => {
  const { promise: over, resolve } = defer();
  server = createServer((_, response) => {
    const span = openServerSpan("/");
    response.once("close", () => {
      span.end();
      resolve();
    });
    response.write("half", () => response.destroy(new RangeError("the source broke")));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await expect(response.text()).rejects.toThrow();
  await over;
  expect(finished("GET")?.attributes).toMatchObject({ "error.type": "RangeError" });
  expect(finished("GET")?.attributes).not.toHaveProperty(["throughline.aborted"]);
  expect(finished("GET")?.status).toMatchObject({ code: SpanStatusCode.ERROR, message: "the source broke" });
});

test("a service of its own may have a route that Next.js answers with where there is none", async () => {
  await request((_, response) => {
    const attributes = { "http.request.method": "GET", "http.route": "/404" };
    const span = tracer.startSpan("GET", { kind: SpanKind.SERVER, attributes });
    response.end();
    span.end();
  });
  expect(finished("GET /404")?.attributes["http.route"]).toBe("/404");
});

test("a method of a caller's own invention makes no name of its own", async () => {
  await request((_, response) => {
    const span = openServerSpan("/");
    span.setAttribute("http.method", "PROPFIND");
    span.setAttribute("http.route", "/[id]");
    response.end();
    span.end();
  });
  expect(finished("HTTP /[id]")?.attributes).toMatchObject({
    "http.request.method": "_OTHER",
    "http.request.method_original": "PROPFIND",
  });
});

test("the SERVER span ends with the last byte, not when the code that runs meanwhile is done", async () => {
  let sentBy = 0;
  await request((_, response) => {
    const span = openServerSpan("/");
    response.end("answer");
    sentBy = Date.now() + 1;
    blockMs(20);
    span.end();
  });
  expect(hrTimeToMilliseconds(finished("GET")?.endTime ?? [0, 0])).toBeLessThanOrEqual(sentBy);
});

test("an answer that the system does not take at once lasts until it has", async () => {
  const { promise: read, resolve } = defer();
  server = createServer((_, response) => {
    const span = openServerSpan("/");
    response.end(Buffer.alloc(20_000_000));
    span.end();
    response.once("close", resolve);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const readAt = Date.now();
  await response.arrayBuffer();
  await read;
  expect(hrTimeToMilliseconds(finished("GET")?.endTime ?? [0, 0])).toBeGreaterThanOrEqual(readAt);
});

test("a caller that goes away makes an aborted request and no error", async () => {
  const { promise: gone, resolve } = defer();
  server = createServer((_, response) => {
    const span = openServerSpan("/");
    response.write("the head");
    response.once("close", () => {
      span.end();
      resolve();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const leaving = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal: leaving.signal });
  leaving.abort();
  await expect(response.text()).rejects.toThrow();
  await gone;
  expect(finished("GET")?.attributes["throughline.aborted"]).toBe(true);
  expect(finished("GET")?.status.code).toBe(SpanStatusCode.UNSET);
});

test("a handler that stops because its caller has gone is no failure, whatever Next.js makes of it", async () => {
  const { promise: gone, resolve } = defer();
  server = createServer((request, response) => {
    const span = openServerSpan("/");
    const record = records.current();
    response.once("close", () => {
      recordRequestError(record, Object.assign(new Error("aborted"), { name: "ResponseAborted" }));
      response.writeHead(500).end();
      span.setAttribute("http.status_code", 500);
      span.recordException(new Error("aborted"));
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
      resolve();
    });
    request.resume();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const leaving = new AbortController();
  const answer = fetch(`http://127.0.0.1:${port}/`, { signal: leaving.signal });
  await once(server, "request");
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await gone;
  const span = finished("GET");
  expect(span?.attributes["throughline.aborted"]).toBe(true);
  for (const name of ["http.response.status_code", "error.type"])
    expect(span?.attributes).not.toHaveProperty([name]);
  expect([span?.status.code, span?.events]).toEqual([SpanStatusCode.UNSET, []]);
});

test("a stream that stops because its caller has gone keeps the status that was sent", async () => {
  const { promise: gone, resolve } = defer();
  server = createServer((_, response) => {
    const span = openServerSpan("/");
    const record = records.current();
    response.write("the head");
    response.once("close", () => {
      recordRequestError(record, new DOMException("aborted", "AbortError"));
      span.recordException(new Error("of the app's own"));
      span.end();
      resolve();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const leaving = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal: leaving.signal });
  leaving.abort();
  await expect(response.text()).rejects.toThrow();
  await gone;
  const span = finished("GET");
  expect(span?.attributes["http.response.status_code"]).toBe(200);
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  expect(span?.events.map(({ attributes }) => attributes?.["exception.message"])).toEqual([
    "of the app's own",
  ]);
});

test("a request that was never answered has no status", async () => {
  const { promise: gone, resolve } = defer();
  server = createServer((_, response) => {
    const span = openServerSpan("/");
    response.once("close", () => {
      // As Next.js writes it, whatever was sent.
      span.setAttribute("http.status_code", response.statusCode);
      span.end();
      resolve();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const leaving = new AbortController();
  const answer = fetch(`http://127.0.0.1:${port}/`, { signal: leaving.signal });
  await once(server, "request");
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await gone;
  expect(finished("GET")?.attributes).not.toHaveProperty(["http.response.status_code"]);
});

test("a pipelined request whose connection breaks while it waits for its turn is sent, as an aborted one", async () => {
  server = createServer(({ socket, url }) => {
    openServerSpan(String(url)).end();
    if (url === "/2") socket.destroy();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const connection = connect((server.address() as AddressInfo).port, "127.0.0.1");
  for (const path of ["/1", "/2"]) connection.write(`GET ${path} HTTP/1.1\r\nHost: shop.test\r\n\r\n`);
  await vi.waitFor(() => expect(exporter.getFinishedSpans()).toHaveLength(2));
  for (const { attributes } of exporter.getFinishedSpans()) {
    expect(attributes["throughline.aborted"]).toBe(true);
  }
});

test("a SERVER span that nobody ends, because its caller left at the last byte, is sent all the same", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { promise: gone, resolve } = defer();
    server = createServer((_, response) => {
      const span = openServerSpan("/");
      startNextSpan("executing api route (app) /", span).end();
      response.write("the head");
      response.once("close", resolve);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    await once(socket, "data");
    socket.destroy();
    await gone;
    expect(exporter.getFinishedSpans()).toEqual([]);
    vi.advanceTimersByTime(5000);
    expect(finished("GET")?.attributes["throughline.aborted"]).toBe(true);
    expect(exporter.getFinishedSpans()).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});

test("a redirect by proxy.ts stays the SERVER span and gets the status that was sent", async () => {
  await request((_, response) => {
    const span = openServerSpan("/old");
    span.setAttribute("http.status_code", 200);
    span.end();
    response.writeHead(404).end();
  });
  expect(finished("GET")?.kind).toBe(SpanKind.SERVER);
  expect(finished("GET")?.attributes["http.response.status_code"]).toBe(404);
});

test("a status of 500 makes the SERVER span an ERROR with its type", async () => {
  await request((_, response) => {
    const span = openServerSpan("/");
    response.writeHead(503).end();
    span.end();
  });
  expect(finished("GET")?.status.code).toBe(SpanStatusCode.ERROR);
  expect(finished("GET")?.attributes["error.type"]).toBe("503");
});

test("a failure told after streaming began marks the SERVER span, open or held", async () => {
  await request((_, response) => {
    const span = openServerSpan("/open");
    recordRequestError(records.current(), new Error("render broke"));
    response.end();
    span.end();
  });
  expect(finished("GET")?.status).toEqual({ code: SpanStatusCode.ERROR, message: "render broke" });
  expect(finished("GET")?.events.map((event) => event.name)).toEqual(["exception"]);

  exporter.reset();
  await request((_, response) => {
    openServerSpan("/held").end();
    recordRequestError(records.current(), new Error("too late"));
    response.end();
  });
  expect(finished("GET")?.status).toEqual({ code: SpanStatusCode.ERROR, message: "too late" });
  expect(finished("GET")?.events.map((event) => event.name)).toEqual(["exception"]);
});

test("an error that says what the answer says, as Next.js's reader of bodies throws one, is no failure below 500", async () => {
  const refused = Object.assign(new Error("Invalid JSON"), { statusCode: 400 });
  for (const [status, code] of [
    [400, SpanStatusCode.UNSET],
    [500, SpanStatusCode.ERROR],
  ] as const) {
    exporter.reset();
    await request((_, response) => {
      const span = openServerSpan("/");
      recordRequestError(records.current(), refused);
      response.writeHead(status).end();
      span.end();
    });
    const { status: told, events = [] } = finished("GET") ?? {};
    expect(told?.code).toBe(code);
    expect(events).toHaveLength(code === SpanStatusCode.ERROR ? 1 : 0);
  }
});

test("an error in the midst of an answer is told as the app threw it, once", async () => {
  const broken = new Error("the stream broke");
  const piping = new Error("failed to pipe response", { cause: broken });
  for (const seen of [piping, broken]) {
    exporter.reset();
    await request((_, response) => {
      const span = openServerSpan("/");
      // Next.js's own span has its words; one of ours in front of it what the response was destroyed with.
      span.recordException(seen);
      recordRequestError(records.current(), piping);
      response.end();
      span.end();
    });
    const span = finished("GET");
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: "the stream broke" });
    expect(span?.events.map(({ attributes }) => attributes?.["exception.message"])).toEqual([
      "the stream broke",
    ]);
  }
});

test("the exception of a failure lies within its span, also where the clock was set meanwhile", async () => {
  const ahead = vi
    .spyOn(Date, "now")
    .mockImplementation(() => performance.timeOrigin + performance.now() + 3_600_000);
  // Of our own provider, whose spans follow the clock.
  tracer = createTracerProvider({
    sampler: new AlwaysOnSampler(),
    processor: nextSpans(new SimpleSpanProcessor(exporter), records),
    resource: emptyResource(),
    limits: { attributes: 20, valueLength: 100, events: 10, links: 10 },
  }).getTracer("next.js");
  await request((_, response) => {
    const span = openServerSpan("/late");
    recordRequestError(records.current(), new Error("render broke"));
    response.end();
    span.end();
  });
  ahead.mockRestore();
  const span = finished("GET");
  const [exception] = span?.events ?? [];
  const ms = [span?.startTime, exception?.time, span?.endTime].map((time) =>
    hrTimeToMilliseconds(time ?? [0, 0]),
  );
  expect(ms).toEqual(ms.toSorted((one, other) => one - other));
});

test("a failure without a text loses no span", async () => {
  for (const failure of [
    Object.create(null),
    Object.assign(new Error("x"), { message: Object.create(null) }),
  ]) {
    exporter.reset();
    await request((_, response) => {
      openServerSpan("/").end();
      recordRequestError(records.current(), failure);
      response.end();
    });
    const message = "something that has no text was thrown";
    expect(finished("GET")?.status).toEqual({ code: SpanStatusCode.ERROR, message });
  }
});

test("a caller chooses no scheme of its own", async () => {
  for (const [given, scheme] of [
    ["HTTPS, http", "https"],
    ["a1", "http"],
    ["", "http"],
  ]) {
    exporter.reset();
    await request(
      (_, response) => {
        openServerSpan("/").end();
        response.end();
      },
      "/",
      { "x-forwarded-proto": String(given) },
    );
    expect(finished("GET")?.attributes["url.scheme"]).toBe(scheme);
  }
});

test("Next.js's digest of a failure is on the SERVER span, open or held, as it is on the browser's", async () => {
  const failure = Object.assign(new Error("render broke"), { digest: "2861003716" });
  await request((_, response) => {
    const span = openServerSpan("/open");
    recordRequestError(records.current(), failure);
    response.end();
    span.end();
  });
  expect(finished("GET")?.attributes["throughline.error.digest"]).toBe("2861003716");

  exporter.reset();
  await request((_, response) => {
    openServerSpan("/held").end();
    recordRequestError(records.current(), failure);
    response.end();
  });
  expect(finished("GET")?.attributes["throughline.error.digest"]).toBe("2861003716");
});

test("the response tells the browser its trace, beside what the app wrote", async () => {
  let traceparent = "";
  const response = await request((_, outgoing) => {
    outgoing.setHeader("Server-Timing", "db;dur=5");
    const span = openServerSpan("/");
    const { traceId, spanId } = span.spanContext();
    traceparent = `00-${traceId}-${spanId}-01`;
    openServerSpan("/", trace.setSpan(context.active(), span)).end();
    outgoing.end();
    span.end();
  });
  const timing = response.headers.get("server-timing") ?? "";
  expect(timing).toContain(`db;dur=5, traceparent;desc="${traceparent}", tsrv;desc="`);
  expect(timing.match(/traceparent/g)).toHaveLength(1);
  expect(Math.abs(Number(/tsrv;desc="(\d+)"/.exec(timing)?.[1]) - Date.now())).toBeLessThan(60_000);
});

test("parallel requests never see each other's record", async () => {
  server = createServer(async (_, response) => {
    const mine = records.current();
    await new Promise((resolve) => setImmediate(resolve));
    response.end(String(mine?.response === response && records.current() === mine));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}`)).text();
  const answers = await Promise.all(Array.from({ length: 50 }, ask));
  expect(new Set(answers)).toEqual(new Set(["true"]));
});

test("spans of other libraries pass through as they are", () => {
  const span = tracer.startSpan("SELECT", { kind: SpanKind.CLIENT, attributes: { "http.method": "GET" } });
  span.end();
  expect(finished("SELECT")).toBe(span);
});

test("a stop of the SDK sends the spans that were still held", async () => {
  const sent: string[] = [];
  const processor = nextSpans(
    {
      onStart: () => undefined,
      onEnd: (span) => sent.push(span.name),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    },
    records,
  );
  tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer("next.js");
  await request(async (_, response) => {
    openServerSpan("/").end();
    expect(sent).toEqual([]);
    await processor.shutdown();
    expect(sent).toEqual(["GET"]);
    response.end();
  });
  expect(sent).toEqual(["GET"]);
});

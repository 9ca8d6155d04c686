import { once } from "node:events";
import http, { type RequestListener } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { getRPCMetadata, hrTimeToMilliseconds } from "@opentelemetry/core";
import { afterEach, expect, test, vi } from "vitest";
import {
  inMemory,
  serve,
  type TestServer,
  type TracedCalls,
  traceparentOf,
} from "../../test-data/traced-calls.ts";
import { createContextStorage } from "../context-storage.ts";
import { type IncomingOptions, traceNodeRequests } from "./node-requests.ts";
import { keepHeaderLists } from "./server-timing.ts";
import { isSilenced } from "./silence.ts";

const CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

let memory: TracedCalls;
let server: TestServer;
let stop = (): void => undefined;

async function take(listener: RequestListener, options: Partial<IncomingOptions> = {}): Promise<void> {
  memory = inMemory();
  const storage = createContextStorage();
  context.disable();
  context.setGlobalContextManager(storage.manager.enable());
  // As `recordResponses` does for every host.
  const leaveLists = keepHeaderLists();
  const stopRequests = traceNodeRequests(memory.tracer, {
    route: undefined,
    isNoise: () => false,
    enter: storage.enter,
    bind: storage.bind,
    ...options,
  });
  stop = () => {
    stopRequests();
    leaveLists();
  };
  server = await serve(listener);
}
afterEach(async () => {
  stop();
  await server.stop();
  await memory.stop();
});

async function ask(path = "/", headers: Record<string, string> = {}, agent?: http.Agent) {
  const request = http.get(server.origin + path, { headers, ...(agent && { agent }) });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  await text(response);
  return response;
}

test("a request is one SERVER span of its caller's trace, active in all that it runs", async () => {
  const active: unknown[] = [];
  const note = (): unknown => active.push(trace.getActiveSpan()?.spanContext().spanId);
  await take(async (request, response) => {
    note();
    await new Promise((resolve) => setTimeout(resolve, 1));
    note();
    for await (const _chunk of request) note();
    request.once("close", note);
    response.end("answer");
  });
  const request = http.request(server.origin, { method: "POST", headers: { traceparent: CALLER } });
  request.end("body");
  await once(request, "response").then(([response]) => text(response));
  const [span, ...others] = await memory.ended(1);
  expect(others).toEqual([]);
  expect(span?.parentSpanContext).toMatchObject({ spanId: "b7ad6b7169203331", isRemote: true });
  const id = span?.spanContext().spanId;
  expect(active.slice(0, 3)).toEqual([id, id, id]);
});

test.each([
  ["no traceparent", {}],
  ["one that is none", { traceparent: "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01" }],
])("a request with %s is a root, and so is the next one on its connection", async (_, headers) => {
  await take((_request, response) => void response.end());
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  await ask("/", { traceparent: CALLER }, agent);
  await ask("/", headers, agent);
  await ask("/", headers, agent);
  agent.destroy();
  const [called, ...roots] = await memory.ended(3);
  expect(roots.map(({ parentSpanContext }) => parentSpanContext)).toEqual([undefined, undefined]);
  expect(new Set([called, ...roots].map((span) => span?.spanContext().traceId)).size).toBe(3);
});

test("a span ends with the last byte, not when the code that runs meanwhile is done", async () => {
  let sentBy = 0;
  await take((_, response) => {
    response.end("answer");
    sentBy = Date.now() + 1;
    const until = performance.now() + 20;
    while (performance.now() < until);
  });
  await ask();
  const [span] = await memory.ended(1);
  expect(hrTimeToMilliseconds(span?.endTime ?? [0, 0])).toBeLessThanOrEqual(sentBy);
});

test("listeners of the body run in the request's context", async () => {
  const active: unknown[] = [];
  await take((request, response) => {
    request.on("data", () => active.push(trace.getActiveSpan()?.spanContext().spanId));
    request.on("end", () => response.end());
  });
  const request = http.request(server.origin, { method: "POST" });
  request.write("first");
  await once(server.server, "request");
  request.end("second");
  await once(request, "response").then(([response]) => text(response));
  const [span] = await memory.ended(1);
  expect(new Set(active)).toEqual(new Set([span?.spanContext().spanId]));
});

test("requests on one kept connection never see each other's span", async () => {
  const seen: unknown[] = [];
  await take((request, response) => {
    seen.push([request.url, trace.getActiveSpan()?.spanContext().spanId]);
    setImmediate(() => {
      seen.push([request.url, trace.getActiveSpan()?.spanContext().spanId]);
      response.end();
    });
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  await Promise.all(Array.from({ length: 20 }, (_, index) => ask(`/${index}`, {}, agent)));
  const spans = await memory.ended(20);
  const ids = new Map(spans.map((span) => [span.attributes["url.path"], span.spanContext().spanId]));
  expect(ids.size).toBe(20);
  for (const each of seen) {
    const [path, id] = each as [string, string];
    expect(id).toBe(ids.get(path));
  }
  agent.destroy();
});

test("the answer tells the browser the span's id", async () => {
  await take((_, response) => void response.writeHead(200, { "x-other": "kept" }).end());
  const { headers } = await ask();
  const [span] = await memory.ended(1);
  expect(headers["server-timing"]).toMatch(`traceparent;desc="${traceparentOf(span)}", tsrv;desc="`);
  expect(headers["x-other"]).toBe("kept");
});

test("the answer tells it beside what the app tells, however the app does it; what the app takes away stays away", async () => {
  const ways: Record<string, (response: http.ServerResponse) => void> = {
    set: (response) => void response.setHeader("server-timing", "db;dur=5"),
    list: (response) => void response.setHeader("Server-Timing", ["db;dur=5", "cache;dur=1"]),
    append: (response) => void response.appendHeader("Server-Timing", "db;dur=5"),
    head: (response) => void response.writeHead(200, { "server-timing": "db;dur=5" }),
    again: (response) =>
      void response.writeHead(200, {
        ...response.getHeaders(),
        "Server-Timing": `${response.getHeader("server-timing")}, db;dur=5`,
      }),
    "list-among-others": (response) =>
      void response.setHeader("x-other", "kept").writeHead(200, ["Server-Timing", "db;dur=5"]),
    worded: (response) => void response.writeHead(200, "Fine", { "Server-Timing": "db;dur=5" }),
    removed: (response) => response.removeHeader("Server-Timing"),
  };
  await take(({ url = "" }, response) => {
    ways[url.slice(1)]?.(response);
    response.end();
  });
  const entry = 'traceparent;desc="00-\\w{32}-\\w{16}-01", tsrv;desc="\\d+", db;dur=5';
  for (const way of ["set", "append", "head", "list-among-others", "worded"])
    expect((await ask(`/${way}`)).headers["server-timing"], way).toMatch(new RegExp(`^${entry}$`));
  expect((await ask("/list")).headers["server-timing"]).toMatch(new RegExp(`^${entry}, ?cache;dur=1$`));
  expect((await ask("/removed")).headers["server-timing"]).toBeUndefined();
});

test("a list of headers is sent as the app wrote it, flat or in pairs, with or without a message", async () => {
  const flat = ["Set-Cookie", "a=1", "Set-Cookie", "b=2", "Server-Timing", "db;dur=5"];
  const pairs = [flat.slice(0, 2), flat.slice(2, 4), flat.slice(4)] as unknown as string[];
  await take(({ url }, response) => {
    if (url === "/flat") response.writeHead(201, flat);
    else response.writeHead(201, "Made", pairs);
    response.end();
  });
  for (const [path, message] of [
    ["/flat", "Created"],
    ["/pairs", "Made"],
  ]) {
    const { headers, statusCode, statusMessage } = await ask(path);
    expect([statusCode, statusMessage]).toEqual([201, message]);
    expect(headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(headers["server-timing"]).toMatch(/^traceparent;desc=.+, db;dur=5$/);
  }
});

test("a list of headers beside those the app has set goes Node's way", async () => {
  await take((_, response) => {
    response.setHeader("x-other", "kept").writeHead(200, ["x-other", "new"]).end();
  });
  const { headers } = await ask();
  expect(headers).toMatchObject({
    "x-other": "new",
    "server-timing": expect.stringContaining("traceparent;"),
  });
});

test("the route names the span, by the option or by a router's instrumentation", async () => {
  await take(
    (request, response) => {
      const rpc = getRPCMetadata(context.active());
      if (request.url === "/routed/7" && rpc) rpc.route = "/routed/:id";
      response.end();
    },
    { route: ({ url }) => (url?.startsWith("/stock") ? "/stock/{sku}" : undefined) },
  );
  await ask("/stock/7");
  await ask("/routed/7");
  await ask("/other");
  const spans = await memory.ended(3);
  expect(spans.map(({ name, attributes }) => [name, attributes["http.route"]])).toEqual([
    ["GET /stock/{sku}", "/stock/{sku}"],
    ["GET /routed/:id", "/routed/:id"],
    ["GET", undefined],
  ]);
});

test("a route option that throws costs the name, not the request, and is told once without what it says of secrets", async () => {
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  const thrown = [
    new Error("no route for /a?token=hunter2"),
    new Error("no route for /b"),
    Object.create(null),
  ];
  await take((_, response) => void response.end("answer"), {
    route: () => {
      throw thrown.shift();
    },
  });
  for (const _ of [...thrown]) expect((await ask()).statusCode).toBe(200);
  expect((await memory.ended(3)).map(({ name }) => name)).toEqual(["GET", "GET", "GET"]);
  expect(warn.mock.calls).toEqual([[expect.stringContaining("no route for /a?token=REDACTED")]]);
  warn.mockRestore();
});

/** Asks, and hangs up when the answer has begun. */
async function leaveMidway(): Promise<void> {
  const request = http.get(server.origin);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  response.on("error", () => undefined);
  request.destroy();
}

test("a caller that hangs up makes no failure", async () => {
  await take((_, response) => void response.write("half"));
  await leaveMidway();
  const [span] = await memory.ended(1);
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  expect(span?.attributes).toMatchObject({ "throughline.aborted": true, "http.response.status_code": 200 });
});

test("an answer that the server itself breaks off with an error says nothing of its caller", async () => {
  await take((_, response) => {
    response.write("half", () => response.destroy(new Error("the source broke")));
  });
  const request = http.get(server.origin);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  await expect(text(response)).rejects.toThrow();
  const [span] = await memory.ended(1);
  expect(span?.attributes).not.toHaveProperty(["throughline.aborted"]);
  expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: "the source broke" });
  expect(span?.attributes["error.type"]).toBe("Error");
  expect(span?.events.map(({ name }) => name)).toEqual(["exception"]);
});

test("a caller that hangs up is none of this side's failures, whatever the app destroys for it", async () => {
  await take((request, response) => {
    request.on("aborted", () => response.destroy(new Error("the client has gone")));
    response.write("half");
  });
  await leaveMidway();
  const [span] = await memory.ended(1);
  expect(span?.attributes["throughline.aborted"]).toBe(true);
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
});

test("the scheme is the one that a proxy in between was asked by, and no other word", async () => {
  await take((_, response) => response.end());
  await ask("/", { "x-forwarded-proto": "HTTPS, http" });
  await ask("/", { forwarded: 'for=192.0.2.1;proto="https"', "x-forwarded-proto": "http" });
  await ask("/", { "x-forwarded-proto": "gopher" });
  const told = (await memory.ended(3)).map(({ attributes }) => attributes["url.scheme"]);
  expect(told).toEqual(["https", "https", "http"]);
});

test("a failed answer that its caller does not wait for is a failure", async () => {
  await take((_, response) => {
    response.statusCode = 503;
    response.write("half");
  });
  await leaveMidway();
  const [span] = await memory.ended(1);
  expect(span?.status.code).toBe(SpanStatusCode.ERROR);
  expect(span?.attributes).toMatchObject({ "throughline.aborted": true, "error.type": "503" });
});

test("pipelined requests whose connection breaks are given up, the waiting one too", async () => {
  let connection: Socket | undefined;
  await take((request) => {
    // Nobody is answered; the second has read its body when the connection goes.
    request.resume();
    if (request.url === "/2") request.once("end", () => connection?.destroy());
  });
  connection = connect(Number(new URL(server.origin).port), "127.0.0.1");
  connection.write("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  const spans = await memory.ended(2);
  expect(spans.map(({ attributes }) => [attributes["url.path"], attributes["throughline.aborted"]])).toEqual(
    expect.arrayContaining([
      ["/1", true],
      ["/2", true],
    ]),
  );
});

test("many requests over one connection leave one listener on it", async () => {
  const counts = new Set<number>();
  await take(({ socket }, response) => {
    counts.add(socket.listenerCount("close"));
    response.end();
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let count = 0; count < 5; count++) await ask("/", {}, agent);
  agent.destroy();
  expect(counts.size).toBe(1);
});

test("noise makes no span, and neither does what it runs; the next request on the connection does", async () => {
  const silenced: boolean[] = [];
  await take(
    (_, response) => {
      silenced.push(isSilenced(context.active()));
      response.end();
    },
    { isNoise: ({ url }) => url === "/healthz" },
  );
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (const path of ["/a", "/healthz", "/b"]) await ask(path, {}, agent);
  const spans = await memory.ended(2);
  expect(silenced).toEqual([false, true, false]);
  expect(spans.map(({ attributes }) => attributes["url.path"])).toEqual(["/a", "/b"]);
  agent.destroy();
});

test("a request that came before tracing had started is a SERVER span from then on", async () => {
  await take(() => undefined);
  stop();
  const request = http.get(`${server.origin}/early`, { headers: { traceparent: CALLER } });
  const [, response] = (await once(server.server, "request")) as [unknown, http.ServerResponse];
  const { enter, bind } = createContextStorage();
  stop = traceNodeRequests(memory.tracer, { route: undefined, isNoise: () => false, enter, bind });
  response.writeHead(503).end();
  await once(request, "response").then(([answer]) => text(answer));
  const [span, ...others] = await memory.ended(1);
  expect(others).toEqual([]);
  expect(span?.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  expect(span?.attributes).toMatchObject({ "url.path": "/early", "http.response.status_code": 503 });
});

test("stop leaves later requests untraced", async () => {
  await take((_, response) => void response.end());
  stop();
  expect((await ask()).headers["server-timing"]).toBeUndefined();
  expect(memory.spans()).toEqual([]);
});

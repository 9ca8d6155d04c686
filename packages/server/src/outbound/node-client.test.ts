import { once } from "node:events";
import http, { get, request as namedRequest } from "node:http";
import https from "node:https";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { SpanStatusCode } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  serve,
  type TestServer,
  type TracedCalls,
  timesSent,
  traceCalls,
  traceparentOf,
} from "../../test-data/traced-calls.ts";
import { tellsOfCreation } from "./request-created.ts";

let calls: TracedCalls;
let server: TestServer;

beforeEach(async () => {
  server = await serve((request, response) => {
    if (request.url === "/never") return;
    if (request.url === "/slow") response.writeHead(200, { "content-length": "9" }).write("half");
    else request.resume().on("end", () => response.end("answer"));
  });
  calls = traceCalls();
});
afterEach(async () => {
  await calls.stop();
  await server.stop();
});

async function read(request: http.ClientRequest): Promise<string> {
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return text(response);
}

test("who receives the context is decided by where a request goes, and not by the Host that it is given", async () => {
  await calls.stop();
  calls = traceCalls({ propagateTo: ["http://api.internal", server.origin] });
  await read(http.get(server.origin, { headers: { host: "api.internal" } }));
  const other = await serve((_, response) => response.end());
  await read(http.get(other.origin, { headers: { host: `api.internal:${other.port}` } }));
  await read(http.get(server.origin));
  expect(other.requests.map(({ headers }) => headers.traceparent)).toEqual([undefined]);
  expect(server.requests.map(({ headers }) => typeof headers.traceparent)).toEqual(["undefined", "string"]);
  await other.stop();
});

test("get, named imports, options, URL objects and callbacks are one span each", async () => {
  const { origin, port } = server;
  const heard: number[] = [];
  await read(http.get(origin));
  await read(get(new URL("/a", origin)));
  await read(namedRequest({ host: "127.0.0.1", port, path: "/b" }).end());
  await read(
    http.request(`${origin}/c`, { method: "PUT" }, ({ statusCode = 0 }) => heard.push(statusCode)).end("x"),
  );
  await read(http.get(`${origin}/d`, { agent: false }));
  const spans = await calls.ended(5);
  expect(spans.map(({ name, attributes }) => `${name} ${attributes["url.full"]}`)).toEqual([
    `GET ${origin}/`,
    `GET ${origin}/a`,
    `GET ${origin}/b`,
    `PUT ${origin}/c`,
    `GET ${origin}/d`,
  ]);
  expect(heard).toEqual([200]);
  expect(server.requests.map(({ headers }) => headers.traceparent)).toEqual(spans.map(traceparentOf));
});

test.each([
  ["an array", ["Host", "shop.test", "x-one", "1", "x-two", "2"]],
  [
    "an array of pairs",
    [
      ["Host", "shop.test"],
      ["x-one", "1"],
      ["x-two", "2"],
    ],
  ],
  ["Expect: 100-continue", { expect: "100-continue", "x-one": "1", "x-two": "2" }],
])("headers given as %s arrive, with one traceparent", async (_, headers) => {
  const given = structuredClone(headers);
  // The types of Node 20 know neither array.
  const request = http.request(server.origin, { headers: headers as never, method: "POST" });
  await read(request.end("body"));
  const [span] = await calls.ended(1);
  expect(server.requests[0]?.headers).toMatchObject({ "x-one": "1", "x-two": "2" });
  expect(server.requests[0]?.headers.traceparent).toBe(traceparentOf(span));
  expect(timesSent(server.requests[0], "traceparent")).toBe(1);
  expect(headers).toEqual(given);
});

test("a traceparent within an array of headers is the caller's and stays alone", async () => {
  const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await read(
    http.request(server.origin, { headers: ["Host", "shop.test", "Traceparent", caller] as never }).end(),
  );
  await calls.ended(1);
  expect(server.requests[0]?.headers.traceparent).toBe(caller);
  expect(timesSent(server.requests[0], "traceparent")).toBe(1);
});

test("the caller's options are not written into", async () => {
  const headers = Object.freeze({ "x-one": "1" });
  const options = Object.freeze({ headers });
  for (let round = 0; round < 3; round++) await read(http.get(server.origin, options));
  expect(options).toEqual({ headers: { "x-one": "1" } });
  expect(server.requests.map((request) => timesSent(request, "traceparent"))).toEqual([1, 1, 1]);
});

test("a kept connection is used again, and each answer belongs to its own context", async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const contexts: boolean[] = [];
  await Promise.all(
    Array.from({ length: 6 }, () =>
      calls.inSpan(async (span) => {
        const request = http.get(server.origin, { agent });
        const [response] = (await once(request, "response")) as [http.IncomingMessage];
        response.on("end", () => contexts.push(calls.activeSpanId() === span.spanContext().spanId));
        await text(response);
      }),
    ),
  );
  const spans = await calls.ended(12);
  expect(contexts).toEqual([true, true, true, true, true, true]);
  expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(6);
  agent.destroy();
});

test("an answer that nobody listens for still ends its span and frees its connection", async () => {
  http.get(server.origin);
  const [span] = await calls.ended(1);
  expect(span?.attributes["http.response.status_code"]).toBe(200);
});

test("a span lasts until the last byte of the answer", async () => {
  let finish: (() => void) | undefined;
  const slow = await serve((_, response) => {
    response.write("first");
    finish = () => response.end("last");
  });
  const request = http.get(slow.origin);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  await once(response, "data");
  expect(calls.spans()).toEqual([]);
  const lastByte = Date.now();
  finish?.();
  response.resume();
  const [span] = await calls.ended(1);
  const [seconds = 0, nanos = 0] = span?.endTime ?? [];
  expect(seconds * 1000 + nanos / 1e6).toBeGreaterThanOrEqual(lastByte - 1);
  await slow.stop();
});

test.each([
  ["req.destroy() before an answer", "/never", (request: http.ClientRequest) => request.destroy()],
  ["req.abort() before an answer", "/never", (request: http.ClientRequest) => request.abort()],
  ["req.destroy(reason)", "/never", (request: http.ClientRequest) => request.destroy(new Error("enough"))],
  [
    "axios's cancel",
    "/never",
    (request: http.ClientRequest) =>
      request.destroy(Object.assign(new Error("canceled"), { code: "ERR_CANCELED" })),
  ],
])("%s is the caller's abort", async (_, path, abort) => {
  const request = http.get(server.origin + path);
  request.on("error", () => undefined);
  server.server.once("request", () => abort(request));
  const [span] = await calls.ended(1);
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  expect(span?.attributes["throughline.aborted"]).toBe(true);
});

test.each([
  ["req.destroy()", (request: http.ClientRequest) => request.destroy()],
  ["res.destroy()", (_: http.ClientRequest, response: http.IncomingMessage) => response.destroy()],
])("%s within the body is the caller's abort", async (_, abort) => {
  const request = http.get(`${server.origin}/slow`);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  response.on("error", () => undefined);
  await once(response, "data");
  abort(request, response);
  const [span] = await calls.ended(1);
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  expect(span?.attributes).toMatchObject({ "throughline.aborted": true, "http.response.status_code": 200 });
});

test("a request that is destroyed when its socket times out is a failure of type timeout", async () => {
  const request = http.get(`${server.origin}/never`);
  request.setTimeout(30, () => request.destroy());
  request.on("error", () => undefined);
  const [span] = await calls.ended(1);
  expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: "timeout" });
  expect(span?.attributes["error.type"]).toBe("timeout");
});

test("an error that nobody listens for is still the host's to handle", async () => {
  const request = http.get("http://127.0.0.1:1/");
  const [error] = await once(request, "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
  expect(request.listenerCount("error")).toBe(0);
});

test("an upgraded connection is whole with its 101", async () => {
  server.server.on("upgrade", (_request, socket) => {
    socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n");
  });
  const request = http.get(server.origin, { headers: { connection: "upgrade", upgrade: "chat" } });
  const [, socket] = await once(request, "upgrade");
  socket.destroy();
  const [span] = await calls.ended(1);
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  expect(span?.attributes["http.response.status_code"]).toBe(101);
});

test("CONNECT through a proxy works, and only the request inside is a span", async () => {
  const proxy = http.createServer();
  proxy.on("connect", (request, socket, head) => {
    expect(request.headers.traceparent).toBeUndefined();
    const far = connect(server.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      far.write(head);
      far.pipe(socket).pipe(far);
    });
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const address = proxy.address();
  const port = typeof address === "object" ? address?.port : 0;
  const way = http
    .request({ port, host: "127.0.0.1", method: "CONNECT", path: `127.0.0.1:${server.port}` })
    .end();
  const [, socket] = await once(way, "connect");
  expect(await read(http.get(server.origin, { createConnection: () => socket }))).toBe("answer");

  const { ProxyAgent, request } = await import("undici");
  const dispatcher = new ProxyAgent(`http://127.0.0.1:${port}`);
  const { body } = await request(`${server.origin}/undici`, { dispatcher });
  expect(await body.text()).toBe("answer");

  const spans = await calls.ended(2);
  expect(spans.map(({ name }) => name)).toEqual(["GET", "GET"]);
  expect(server.requests.map(({ headers }) => headers.traceparent)).toEqual(spans.map(traceparentOf));
  await dispatcher.close();
  socket.destroy();
  proxy.closeAllConnections();
  proxy.close();
});

test("a request to a proxy that names the whole URL is a span of that URL", async () => {
  await read(http.get({ host: "127.0.0.1", port: server.port, path: "http://api.example.com/v1?x=1" }));
  const [span] = await calls.ended(1);
  expect(span?.attributes).toMatchObject({
    "url.full": "http://api.example.com/v1?x=1",
    "server.address": "api.example.com",
    "server.port": 80,
  });
});

test("methods are those of the conventions", async () => {
  for (const method of ["patch", "BREW"]) await fetch(server.origin, { method }).catch(() => undefined);
  await read(http.request(server.origin, { method: "PURGE" }).end());
  const spans = await calls.ended(3);
  expect(
    spans.map(({ name, attributes }) => [
      name,
      attributes["http.request.method"],
      attributes["http.request.method_original"],
    ]),
  ).toEqual([
    ["PATCH", "PATCH", "patch"],
    ["HTTP", "_OTHER", "BREW"],
    ["HTTP", "_OTHER", "PURGE"],
  ]);
});

test("a later patch of node:http outlives ours, and ours comes off below it", async () => {
  if (tellsOfCreation(process.versions.node)) return;
  const traced = http.request;
  const heard: unknown[] = [];
  const later = ((...args: Parameters<typeof http.request>) => {
    heard.push(args[0]);
    return traced(...args);
  }) as typeof http.request;
  http.request = later;
  await calls.stop();
  expect(http.request).toBe(later);
  await read(http.request(server.origin).end());
  expect(heard).toEqual([server.origin]);
  expect(calls.spans()).toEqual([]);
  expect(https.request.name).toBe("request");
});

test.each([
  ["20.9.0", false],
  ["22.11.0", false],
  ["22.12.0", true],
  ["23.1.0", false],
  ["23.2.0", true],
  ["26.10.0", true],
])("Node %s tells of a new request: %s", (version, tells) => {
  expect(tellsOfCreation(version)).toBe(tells);
});

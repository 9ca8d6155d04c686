import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { createServer as createGrpcServer, type Http2Session } from "node:http2";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Signal, signalTarget } from "./ingest/forward-url.ts";
import { POST } from "./ingest.ts";
import { say } from "./log.ts";
import { protobufOf } from "./pipeline/otlp/json-to-protobuf.ts";
import type { SignalTarget } from "./pipeline/signal-target.ts";
import { processState } from "./process-state.ts";
import { readServerConfig } from "./settings.ts";

const KEY = fileURLToPath(new URL("../test/localhost-key.pem", import.meta.url));
const CERTIFICATE = fileURLToPath(new URL("../test/localhost-cert.pem", import.meta.url));

interface Received {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let collector: Server;
let received: Received[];
let answers: number[];

beforeEach(async () => {
  received = [];
  answers = [];
  collector = createServer(async (request, response) => {
    received.push({ url: request.url, headers: request.headers, body: await text(request) });
    response.writeHead(answers.shift() ?? 200).end("{}");
  });
  await once(collector.listen(0, "127.0.0.1"), "listening");
  const { port } = collector.address() as AddressInfo;
  vi.stubEnv("OTEL_ENABLED", "true");
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", `http://127.0.0.1:${port}`);
  // Nothing is changed then, so that what arrives can be compared; the other protocols have tests of their own.
  for (const signal of ["", "METRICS_", "LOGS_"])
    vi.stubEnv(`OTEL_EXPORTER_OTLP_${signal}PROTOCOL`, "http/json");
});

afterEach(async () => {
  await processState().forwarder?.flush();
  processState().flushers.clear();
  Object.assign(processState(), { forwarder: undefined, troubles: undefined });
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  collector.closeAllConnections();
  if (collector.listening) await once(collector.close(), "close");
});

interface Post {
  readonly path?: string;
  readonly body?: NonNullable<RequestInit["body"]>;
  readonly headers?: Record<string, string>;
}

function post({
  path = "/v1/traces",
  body = '{"resourceSpans":[]}',
  headers = {},
}: Post = {}): Promise<Response> {
  return POST(
    new Request(`http://shop.test/api/tl${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    }),
  );
}

function flush(token?: string): Promise<Response> {
  return post({ path: "/flush", ...(token && { headers: { "x-throughline-flush-token": token } }) });
}

test("a plain Node server hands a page's post over with Node's own headers, as docs/server/node-services.md writes it", async () => {
  const service = createServer(async (request, response) => {
    const { url = "", headers } = request;
    const body = await buffer(request);
    const init = { method: "POST", headers: headers as Record<string, string>, body };
    const answer = await POST(new Request(new URL(url, "http://localhost"), init));
    response.writeHead(answer.status).end(await answer.text());
  });
  await once(service.listen(0, "127.0.0.1"), "listening");
  const { port } = service.address() as AddressInfo;
  const body = '{"resourceSpans":[]}';
  const answer = await fetch(`http://127.0.0.1:${port}/api/tl/v1/traces`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", cookie: "session=1" },
  });
  expect([answer.status, await answer.text()]).toEqual([202, "{}"]);
  await expect.poll(() => received).toHaveLength(1);
  expect(received[0]).toMatchObject({ url: "/v1/traces", body });
  expect(received[0]?.headers).not.toHaveProperty("cookie");
  service.closeAllConnections();
  await once(service.close(), "close");
});

test("a post is taken at once and forwarded with the collector's secret, without the browser's", async () => {
  vi.stubEnv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20collector");
  const response = await post({ headers: { cookie: "session=1", authorization: "Bearer user" } });
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({});
  await vi.waitFor(() => expect(received).toHaveLength(1));
  expect(received[0]).toMatchObject({ url: "/v1/traces", body: '{"resourceSpans":[]}' });
  expect(received[0]?.headers.authorization).toBe("Bearer collector");
  expect(received[0]?.headers["content-type"]).toBe("application/json");
  expect(received[0]?.headers.cookie).toBeUndefined();
});

test.each(["traces", "metrics", "logs"])(
  "v1/%s goes to the collector's path of the same name",
  async (signal) => {
    expect((await post({ path: `/v1/${signal}`, body: "{}" })).status).toBe(202);
    await vi.waitFor(() => expect(received[0]?.url).toBe(`/v1/${signal}`));
  },
);

test.each(["none", "console"])(
  "with the exporter %s the browser's spans stay here, and nothing else",
  async (exporter) => {
    vi.stubEnv("OTEL_TRACES_EXPORTER", exporter);
    expect((await post()).status).toBe(202);
    expect((await post({ path: "/v1/logs", body: "{}" })).status).toBe(202);
    await processState().forwarder?.flush();
    expect(received.map(({ url }) => url)).toEqual(["/v1/logs"]);
  },
);

test("protobuf goes through untouched, gzip is opened", async () => {
  const bytes = new Uint8Array([10, 0]);
  await post({ body: bytes, headers: { "content-type": "application/x-protobuf" } });
  await post({ body: gzipSync('{"a":1}'), headers: { "content-encoding": "gzip" } });
  await vi.waitFor(() => expect(received).toHaveLength(2));
  expect(received.find((each) => each.headers["content-type"] === "application/x-protobuf")?.body).toBe(
    "\n\0",
  );
  expect(received.find((each) => each.headers["content-type"] === "application/json")?.body).toBe('{"a":1}');
});

test.each<[string, number, Post]>([
  ["a text body", 415, { headers: { "content-type": "text/plain" } }],
  ["brotli", 415, { headers: { "content-encoding": "br" } }],
  ["broken JSON", 400, { body: "{" }],
  ["JSON that is no object", 400, { body: "[]" }],
  ["broken gzip", 400, { body: "nonsense", headers: { "content-encoding": "gzip" } }],
  ["more than a megabyte", 413, { body: JSON.stringify({ a: "x".repeat(1024 * 1024) }) }],
  [
    "a megabyte hidden in gzip",
    413,
    { body: gzipSync(`{"a":"${"x".repeat(1024 * 1024)}"}`), headers: { "content-encoding": "gzip" } },
  ],
  ["an unknown path", 404, { path: "/v1/profiles" }],
])("%s is refused with %i and never forwarded", async (_, status, given) => {
  const response = await post(given);
  expect(response.status).toBe(status);
  expect(((await response.json()) as { message: string }).message).toMatch(/^@throughline\/server: /);
  await post();
  await vi.waitFor(() => expect(received).toHaveLength(1));
  expect(received[0]?.body).toBe('{"resourceSpans":[]}');
});

test("the cap follows THROUGHLINE_INGEST_MAX_BYTES", async () => {
  vi.stubEnv("THROUGHLINE_INGEST_MAX_BYTES", "10");
  expect((await post({ body: '{"a":12345}' })).status).toBe(413);
  expect((await post({ body: '{"a":1234}' })).status).toBe(202);
});

test("switched off, the route says how to switch it on", async () => {
  vi.stubEnv("OTEL_ENABLED", "");
  const response = await post();
  expect(response.status).toBe(404);
  expect(await response.text()).toContain("OTEL_ENABLED=true");
});

const SPAN = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  name: "click Buy",
  kind: 1,
  startTimeUnixNano: "1790000000123456789",
  endTimeUnixNano: "1790000000223456789",
};
const SPANS = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [SPAN] }] }] });

test.each(["none", "gzip"])(
  "with http/protobuf the browser's JSON becomes protobuf, compression %s",
  async (compression) => {
    const bodies: Buffer[] = [];
    collector.removeAllListeners("request").on("request", async (request, response) => {
      const body = await buffer(request);
      bodies.push(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body);
      received.push({ url: request.url, headers: request.headers, body: "" });
      response.writeHead(200).end();
    });
    vi.stubEnv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    vi.stubEnv("OTEL_EXPORTER_OTLP_COMPRESSION", compression);
    // Nothing is in it, so that nothing goes on.
    expect((await post({ body: '{"unknown":1}' })).status).toBe(202);
    expect((await post({ body: SPANS })).status).toBe(202);
    await processState().forwarder?.flush();
    expect(received[0]).toMatchObject({
      url: "/v1/traces",
      headers: { "content-type": "application/x-protobuf" },
    });
    expect(bodies).toEqual([Buffer.from(protobufOf("traces", JSON.parse(SPANS)))]);
  },
);

test("with grpc the browser's spans go where the server's go", async () => {
  const messages: Buffer[] = [];
  const paths: unknown[] = [];
  const grpc = createGrpcServer();
  grpc.on("stream", async (stream, headers) => {
    paths.push(headers[":path"]);
    messages.push(await buffer(stream));
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
  });
  await once(grpc.listen(0, "127.0.0.1"), "listening");
  const opened = new Set<Http2Session>();
  grpc.on("session", (session) => opened.add(session));
  try {
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", `http://127.0.0.1:${(grpc.address() as AddressInfo).port}`);
    vi.stubEnv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    expect((await post({ body: SPANS })).status).toBe(202);
    await processState().forwarder?.flush();
    expect(paths).toEqual(["/opentelemetry.proto.collector.trace.v1.TraceService/Export"]);
    expect(messages[0]?.subarray(5)).toEqual(Buffer.from(protobufOf("traces", JSON.parse(SPANS))));
  } finally {
    for (const session of opened) session.destroy();
    grpc.close();
  }
});

test("JSON that is no OTLP is refused with the field that is wrong, where it would be encoded anew", async () => {
  vi.stubEnv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
  const body = SPANS.replace("4bf9", "no hex");
  const response = await post({ body });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain("the field resourceSpans[0].scopeSpans[0].spans[0].traceId holds");
  expect(received).toEqual([]);
});

function targetOf(signal: Signal, env: Record<string, string>): Pick<SignalTarget, "url" | "headers"> {
  const config = readServerConfig({}, (text) => expect.fail(text), { OTEL_ENABLED: "true", ...env });
  if (!config) return expect.fail("tracing is off");
  const { url, headers } = signalTarget(config, signal);
  return { url, headers };
}

test("a signal's own endpoint and headers hold for the browser's data too", () => {
  const env = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.test/v1/traces",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "key=traces",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "https://logs.test/in",
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: "key=logs",
  };
  expect(targetOf("traces", env)).toEqual({
    url: "https://traces.test/v1/traces",
    headers: { key: "traces" },
  });
  expect(targetOf("logs", env)).toEqual({ url: "https://logs.test/in", headers: { key: "logs" } });
  expect(targetOf("metrics", env)).toEqual({ url: "http://localhost:4318/v1/metrics", headers: {} });
});

test("a collector that is down costs the browser nothing, the log one line, and the data arrives later", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  answers.push(503, 503);
  expect((await post({ body: '{"n":1}' })).status).toBe(202);
  expect((await post({ body: '{"n":2}' })).status).toBe(202);
  await vi.waitFor(() => expect(received).toHaveLength(2));
  await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1));
  expect(String(warn.mock.calls[0]?.[0])).toMatch(/status 503; .*Look into the collector's log/);
  await processState().forwarder?.flush();
  expect(received.map((each) => each.body).sort()).toEqual(['{"n":1}', '{"n":1}', '{"n":2}', '{"n":2}']);
  expect(warn).toHaveBeenCalledTimes(1);
});

test("a collector with a certificate of its own gets the data packed, and one that cannot be read is named", async () => {
  const secure = createSecureServer(
    { key: readFileSync(KEY), cert: readFileSync(CERTIFICATE) },
    async (request, response) => {
      const body = gunzipSync(await buffer(request)).toString();
      received.push({ url: request.url, headers: request.headers, body });
      response.writeHead(200).end("{}");
    },
  );
  try {
    await once(secure.listen(0, "127.0.0.1"), "listening");
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", `https://localhost:${(secure.address() as AddressInfo).port}`);
    vi.stubEnv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    vi.stubEnv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file.pem");
    expect((await post()).status).toBe(202);
    await vi.waitFor(() =>
      expect(String(warn.mock.calls[0]?.[0])).toContain('OTEL_EXPORTER_OTLP_CERTIFICATE="/no/such/file.pem"'),
    );
    processState().forwarder = undefined;
    vi.stubEnv("OTEL_EXPORTER_OTLP_CERTIFICATE", CERTIFICATE);
    await post();
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect(received[0]).toMatchObject({ url: "/v1/traces", body: '{"resourceSpans":[]}' });
    expect(received[0]?.headers["content-encoding"]).toBe("gzip");
  } finally {
    secure.closeAllConnections();
    await once(secure.close(), "close");
  }
});

test("a host that freezes after the response is asked for time until the data is away", async () => {
  const promises: Promise<unknown>[] = [];
  const key = Symbol.for("@next/request-context");
  const host = globalThis as { [key: symbol]: unknown };
  host[key] = { get: () => ({ waitUntil: (promise: Promise<unknown>) => promises.push(promise) }) };
  try {
    await post();
    await Promise.all(promises);
    expect(promises).toHaveLength(1);
    expect(received).toHaveLength(1);
  } finally {
    delete host[key];
  }
});

test("counted as posts of pages are those of pages, and not the doctor's", async () => {
  const { pages } = processState();
  const before = pages.posts;
  await post();
  await post({ headers: { "x-throughline-flush-token": "doctor" } });
  expect(pages.posts - before).toBe(1);
});

test("a flush exists only with a token, and only for who has it", async () => {
  expect((await flush("anything")).status).toBe(404);
  vi.stubEnv("THROUGHLINE_FLUSH_TOKEN", "secret");
  expect((await flush()).status).toBe(403);
  expect((await flush("secret2")).status).toBe(403);
  expect((await flush("secret")).status).toBe(204);
});

test("a flush answers after the forwards and the tracer have delivered", async () => {
  vi.stubEnv("THROUGHLINE_FLUSH_TOKEN", "secret");
  let flushed = false;
  processState().flushers.add(async () => {
    flushed = true;
  });
  await post();
  expect((await flush("secret")).status).toBe(204);
  expect(received).toHaveLength(1);
  expect(flushed).toBe(true);
});

test("the doctor is told of the process and of its collector", async () => {
  vi.stubEnv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret");
  answers = [401];
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  say("warn", "the collector refused: unknown api_key=0123456789abcdef");
  const response = await post({
    path: "/doctor",
    headers: { "x-throughline-flush-token": "any", traceparent: "00-a" },
  });
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({
    isRegistered: false,
    received: "00-a",
    settings: { exporters: ["otlp"], propagators: ["tracecontext", "baggage"] },
    exports: [
      { of: "server", protocol: "http/json", outcome: { kind: "refused", reason: "status 401" } },
      { of: "browser", protocol: "http/json", outcome: { kind: "refused", reason: "status 401" } },
    ],
  });
  expect(text).toContain("the collector refused: unknown api_key=");
  expect(text).not.toMatch(/secret|0123456789abcdef/);
  expect(received.map(({ headers }) => headers.authorization)).toEqual(["Bearer secret"]);
});

test("the doctor is told why tracing is off, and asks no collector then", async () => {
  const ask = async () =>
    (await post({ path: "/doctor", headers: { "x-throughline-flush-token": "any" } })).json();
  vi.stubEnv("OTEL_ENABLED", "");
  expect(await ask()).toMatchObject({
    off: { by: "disabled", reason: "OTEL_ENABLED is not set" },
    exports: [],
  });
  vi.stubEnv("OTEL_ENABLED", "true");
  vi.stubEnv("OTEL_SDK_DISABLED", "true");
  expect(await ask()).toMatchObject({ off: { by: "disabled", reason: "OTEL_SDK_DISABLED=true" } });
  vi.stubEnv("OTEL_SDK_DISABLED", "");
  vi.stubEnv("OTEL_TRACES_SAMPLER_ARG", "2");
  expect(await ask()).toMatchObject({ off: { by: "bad-setting" } });
  expect(received).toEqual([]);
});

test("a bad value that tracing goes on with is told once, and the doctor is told it at every look", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.stubEnv("OTEL_LOG_LEVEL", "WARNING");
  const ask = () => post({ path: "/doctor/received", headers: { "x-throughline-flush-token": "any" } });
  expect((await post({ body: "{}" })).status).toBe(202);
  expect((await post({ body: "{}" })).status).toBe(202);
  expect(warn).toHaveBeenCalledTimes(1);
  const told = { badValues: [expect.stringMatching(/^OTEL_LOG_LEVEL="WARNING": .*none holds/)] };
  for (const answer of [await ask(), await ask()]) expect(await answer.json()).toMatchObject(told);
});

test("what the browser sends of a signal whose setting is bad goes nowhere, and its spans go on", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.stubEnv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "logs:9000");
  const refused = await post({ path: "/v1/logs", body: "{}" });
  expect(refused.status).toBe(404);
  expect(await refused.text()).toContain("no logs are sent");
  for (const path of ["/v1/traces", "/v1/metrics"])
    expect((await post({ path, body: "{}" })).status).toBe(202);
  await processState().forwarder?.flush();
  expect(received.map(({ url }) => url).sort()).toEqual(["/v1/metrics", "/v1/traces"]);
});

test("in production the doctor is told nothing without the token, and no page can ask without a header", async () => {
  const ask = async (token?: string) =>
    (
      await post({
        path: "/doctor",
        headers: token === undefined ? {} : { "x-throughline-flush-token": token },
      })
    ).status;
  expect(await ask()).toBe(403);
  expect(await ask("any")).toBe(200);
  vi.stubEnv("NODE_ENV", "production");
  expect(await ask("any")).toBe(403);
  vi.stubEnv("THROUGHLINE_FLUSH_TOKEN", "secret");
  expect(await ask("any")).toBe(403);
  expect(await ask("secret")).toBe(200);
});

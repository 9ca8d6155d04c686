import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { type AddressInfo, connect } from "node:net";
import { Duplex } from "node:stream";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { inMemory, type TracedCalls } from "../../test-data/traced-calls.ts";
import { createContextStorage } from "../context-storage.ts";
import { traceNodeRequests } from "./node-requests.ts";
import { traceNodeUpgrades } from "./node-upgrades.ts";
import { type ResponseRecord, type ResponseRecords, recordResponses } from "./response-record.ts";
import { isSilenced } from "./silence.ts";

const CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const ACCEPT = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n";

let memory: TracedCalls;
let server: http.Server;
let records: ResponseRecords;
let stop = (): void => undefined;
const sockets = new Set<Duplex>();

beforeEach(() => {
  memory = inMemory();
  const storage = createContextStorage<ResponseRecord>();
  context.disable();
  context.setGlobalContextManager(storage.manager.enable());
  const isNoise = ({ url }: IncomingMessage): boolean => url === "/healthz";
  records = recordResponses(isNoise, storage.requests);
  const route = ({ url }: IncomingMessage) => (url === "/live/7" ? "/live/{id}" : undefined);
  const stops = [
    traceNodeRequests(memory.tracer, { route, isNoise, enter: storage.enter, bind: storage.bind }),
    traceNodeUpgrades(memory.tracer, { route, isNoise, contexts: storage.manager }),
  ];
  stop = () => {
    records.stop();
    for (const each of stops) each();
  };
});
afterEach(async () => {
  stop();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  if (server.listening) await once(server.close(), "close");
  await memory.stop();
});

type OnUpgrade = (request: IncomingMessage, socket: Duplex) => unknown;

async function listen(onUpgrade: OnUpgrade): Promise<void> {
  server = http.createServer((_, response) => response.end("answer"));
  server.on("upgrade", (request, socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    return onUpgrade(request, socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
}

function headOf(path: string, ...headers: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, "Host: a.test", ...headers, "", ""].join("\r\n");
}
const asked = (path: string): string =>
  headOf(path, "Connection: Upgrade", "Upgrade: chat", `traceparent: ${CALLER}`);

/** Sends text as it stands; the text that comes back first. */
async function send(text: string, socket = connect((server.address() as AddressInfo).port)) {
  sockets.add(socket.on("error", () => undefined));
  socket.write(text);
  const [answer = ""] = (await Promise.race([once(socket, "data"), once(socket, "close")])) as unknown[];
  return { answer: String(answer), socket };
}

const active = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;

test("an upgrade is one SERVER span of its caller's trace until it is answered, active in what its handler does", async () => {
  const seen: unknown[] = [];
  await listen(async (_, socket) => {
    seen.push(active());
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(active());
    socket.write(ACCEPT);
    socket.on("data", () => {
      seen.push(active());
      socket.write("pong");
    });
  });
  const { answer, socket } = await send(asked("/live/7?key=1"));
  expect(answer).toBe(ACCEPT);
  const [span] = await memory.ended(1);
  expect((await send("ping", socket)).answer, "while the connection is open").toBe("pong");
  const id = span?.spanContext().spanId;
  expect(seen).toEqual([id, id, undefined]);
  expect(memory.spans()).toHaveLength(1);
  expect(span).toMatchObject({ name: "GET", kind: SpanKind.SERVER, status: { code: SpanStatusCode.UNSET } });
  expect(span?.parentSpanContext).toMatchObject({ spanId: "b7ad6b7169203331", isRemote: true });
  expect(span?.attributes).toMatchObject({
    "http.request.method": "GET",
    "http.response.status_code": 101,
    "url.path": "/live/7",
    "server.address": "a.test",
  });
});

test("the route names it, and the socket's methods are its own again once it is answered", async () => {
  const own: unknown[] = [];
  await listen((_, socket) => {
    socket.write(Buffer.from(ACCEPT));
    own.push(Object.getOwnPropertyNames(socket).filter((name) => ["write", "end"].includes(name)));
  });
  await send(asked("/live/7"));
  const [span] = await memory.ended(1);
  expect(span?.name).toBe("GET /live/{id}");
  expect(own).toEqual([[]]);
});

test.each([
  ["HTTP/1.1 401 Unauthorized\r\n\r\n", 401, SpanStatusCode.UNSET, undefined],
  ["HTTP/1.1 503 Service Unavailable\r\n\r\n", 503, SpanStatusCode.ERROR, "503"],
])("one that is refused has the status that was sent: %j", async (text, status, code, type) => {
  await listen((_, socket) => socket.end(text));
  expect((await send(asked("/"))).answer).toBe(text);
  const [span] = await memory.ended(1);
  expect(span?.status.code).toBe(code);
  expect(span?.attributes["http.response.status_code"]).toBe(status);
  expect(span?.attributes["error.type"]).toBe(type);
});

test("one whose connection closes without an answer has no status", async () => {
  await listen((_, socket) => void socket.destroy());
  await send(asked("/"));
  const [span] = await memory.ended(1);
  expect(span?.attributes["http.response.status_code"]).toBeUndefined();
  expect(span?.attributes["throughline.aborted"]).toBe(true);
});

test("on a kept connection it has nothing of the request before it, and noise makes no span", async () => {
  const seen: unknown[] = [];
  await listen((_, socket) => {
    seen.push([isSilenced(context.active()), active(), records.current()]);
    socket.write(ACCEPT);
  });
  // In one packet, which Node takes apart in one call.
  await send(headOf("/healthz") + asked("/live/7"));
  const second = await send(headOf("/page"));
  await send(asked("/healthz"), second.socket);
  const spans = await memory.ended(2);
  expect(spans.map(({ attributes }) => attributes["url.path"])).toEqual(["/live/7", "/page"]);
  expect(seen).toEqual([
    [false, spans[0]?.spanContext().spanId, undefined],
    [true, undefined, undefined],
  ]);
});

test("what a listener throws is the host's, and our own failure costs the span alone", async () => {
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  const thrown = new Error("no room");
  await listen(() => {
    throw thrown;
  });
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const emit = (request: object) => server.emit("upgrade", request, socket, Buffer.alloc(0));
  // Without a socket of its own its address cannot be read.
  expect(() => emit({ headers: {} })).toThrow(thrown);
  expect(warn.mock.calls).toEqual([[expect.stringContaining("an upgrade could not be traced")]]);
  expect(() => emit({ headers: {}, socket })).toThrow(thrown);
  vi.restoreAllMocks();
});

test("stop leaves servers as they were, below a later patch too", async () => {
  const patched = vi.spyOn(http.Server.prototype, "emit");
  stop();
  await listen((_, socket) => socket.write(ACCEPT));
  expect((await send(asked("/"))).answer).toBe(ACCEPT);
  expect(patched).toHaveBeenCalledWith("upgrade", expect.anything(), expect.anything(), expect.anything());
  expect(memory.spans()).toEqual([]);
  expect(Object.hasOwn(https.Server.prototype, "emit")).toBe(false);
  patched.mockRestore();
});

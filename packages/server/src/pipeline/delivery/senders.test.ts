import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { readServerConfig } from "../../settings.ts";
import { tracesTarget } from "../signal-target.ts";
import { createForwardSender, createSender } from "./create-sender.ts";
import { createGrpcSender } from "./grpc-sender.ts";
import { createHttpSender } from "./http-sender.ts";
import { notReached, type SenderOptions } from "./sender.ts";

const stops: (() => unknown)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

const optionsOf = (port: number): SenderOptions => ({
  url: `http://127.0.0.1:${port}/v1/traces`,
  rpc: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  headers: {},
  contentType: "application/x-protobuf",
  compression: "none",
  timeoutMs: 200,
  tls: {},
});

const LISTENS = `
const server = require("node:net").createServer();
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));
`;

/** Of a process that is stopped and has as many connections waiting as it may: who asks for one more hears nothing. */
async function portWithoutRoom(): Promise<number> {
  const child = spawn(process.execPath, ["-e", LISTENS]);
  stops.push(() => child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  child.kill("SIGSTOP");
  const sockets = Array.from({ length: 8 }, () => connect(Number(String(line)), "127.0.0.1"));
  stops.push(() => {
    for (const socket of sockets) socket.on("error", () => undefined).destroy();
  });
  await Promise.all(sockets.slice(0, 2).map((socket) => once(socket, "connect")));
  return Number(String(line));
}

async function portThatListens(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on("error", () => undefined)));
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  return listen(server);
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

test.each([
  ["HTTP", createHttpSender],
  ["gRPC", createGrpcSender],
])(
  "by %s a collector that gives no connection was not reached, one that gives no answer was",
  async (_, create) => {
    for (const [port, reached] of [
      [await portWithoutRoom(), false],
      [await portThatListens(), true],
    ] as const) {
      const sender = create(optionsOf(port));
      stops.push(() => sender.close());
      expect(await sender.send(new Uint8Array(8))).toMatchObject({
        kind: "later",
        reason: "no answer within 200 ms",
        reached,
      });
    }
  },
);

test.each([
  ["HTTP", "gRPC", createHttpSender, () => createHttp2Server()],
  ["gRPC", "HTTP", createGrpcSender, () => createHttpServer()],
])("who speaks %s to the port of %s is told of both ports", async (_, __, create, createOther) => {
  const sender = create(optionsOf(await listen(createOther())));
  stops.push(() => sender.close());
  expect(await sender.send(new Uint8Array(8))).toMatchObject({
    kind: "later",
    cure: expect.stringContaining("4317 is gRPC's port, 4318 that of HTTP"),
  });
});

test.each([
  ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "Correct the host"],
  ["CERT_HAS_EXPIRED", "Renew its certificate"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "in OTEL_EXPORTER_OTLP_CERTIFICATE"],
  ["EPROTO", "Correct http or https"],
  ["ECONNREFUSED", "Start it"],
])("what helps against %s", (code, cure) => {
  expect(notReached(Object.assign(new Error("no"), { code }))).toMatchObject({
    cure: expect.stringContaining(cure),
  });
});

test("a path that is not there names both variables, one of which takes it whole", async () => {
  const port = await listen(createHttpServer((_, response) => response.writeHead(404).end()));
  const sender = createHttpSender(optionsOf(port));
  stops.push(() => sender.close());
  expect(await sender.send(new Uint8Array(8))).toMatchObject({
    kind: "refused",
    cure: expect.stringMatching(/_ENDPOINT takes the address before .*_TRACES_ENDPOINT .* the whole/),
  });
});

test("a message is one line", () => {
  expect(notReached(new Error("wrong version number:350:\n"))).toMatchObject({
    reason: "wrong version number:350:",
  });
});

test.each([
  ["http", "Start it", 1],
  ["https", "Correct http or https", 0],
])("gRPC by %s that gets no connection says why in one line, and: %s", async (scheme, cure, isClosed) => {
  const port = await listen(createHttpServer());
  if (isClosed) await stops.pop()?.();
  const sender = createGrpcSender({
    ...optionsOf(port),
    url: `${scheme}://127.0.0.1:${port}`,
    timeoutMs: 5000,
  });
  stops.push(() => sender.close());
  expect(await sender.send(new Uint8Array(8))).toMatchObject({
    kind: "later",
    reason: expect.stringMatching(isClosed ? /^connect ECONNREFUSED .*$/ : /^.*wrong version number.*$/),
    cure: expect.stringContaining(cure),
  });
});

test.each([404, 405, 415])(
  "a server of HTTP/2 that answers a call of gRPC by %s is of another port",
  async (status) => {
    const port = await listen(
      createHttp2Server((_, response) => {
        response.writeHead(status);
        response.end();
      }),
    );
    const sender = createGrpcSender(optionsOf(port));
    stops.push(() => sender.close());
    expect(await sender.send(new Uint8Array(8))).toMatchObject({
      kind: "refused",
      reason: `status ${status}`,
      cure: expect.stringContaining("4317 is gRPC's port, 4318 that of HTTP"),
    });
  },
);

/** What is told of a refusal by a collector that says `text`. */
async function toldOf(
  text: string,
  { headers = "", user = "", isGrpc = false }: { headers?: string; user?: string; isGrpc?: boolean },
): Promise<unknown> {
  const port = await listen(
    isGrpc
      ? createHttp2Server((_, response) => {
          response.writeHead(200, { "grpc-status": "16", "grpc-message": encodeURIComponent(text) });
          response.end();
        })
      : createHttpServer((_, response) => {
          response.writeHead(401, { "content-type": "text/plain" }).end(text);
        }),
  );
  const config = readServerConfig({}, () => undefined, { OTEL_ENABLED: "true" });
  if (!config) throw new Error("the settings are wrong");
  const given = Object.fromEntries(headers ? [["authorization", headers]] : []);
  const sender = createForwardSender(
    {
      url: `http://${user}127.0.0.1:${port}/v1/traces`,
      protocol: isGrpc ? "grpc" : "http/protobuf",
      headers: given,
      signal: "traces",
      contentType: "application/x-protobuf",
    },
    config,
  );
  stops.push(() => sender.close());
  const outcome = await sender.send(new Uint8Array(8));
  return outcome.kind === "taken" ? outcome.message : outcome.reason;
}

const BASIC = Buffer.from("ann:s3cret k3y").toString("base64");
test.each([
  ["the word before a key", "no Bearer k3y-of-ours", "no REDACTED", { headers: "Bearer k3y-of-ours" }],
  ["that word alone", "send Bearer", "send Bearer", { headers: "Bearer k3y-of-ours" }],
  [
    "a key that begins another",
    "k3y-of-ours/2 is not k3y-of",
    "REDACTED is not REDACTED",
    { headers: "Keys k3y-of k3y-of-ours/2" },
  ],
  ["the password of the address", "no s3cret k3y", "no REDACTED", { user: "ann:s3cret%20k3y@" }],
  ["as it is written", "no s3cret%20k3y", "no REDACTED", { user: "ann:s3cret%20k3y@" }],
  ["as it is sent", `no ${BASIC}`, "no REDACTED", { user: "ann:s3cret%20k3y@" }],
])("of what a collector says, %s is told without keys", async (_, text, told, given) => {
  expect(await toldOf(text, given)).toBe(`status 401, ${told}`);
  expect(await toldOf(text, { ...given, isGrpc: true })).toBe(`gRPC status 16, ${told}`);
});

test.each([false, true])("a long message is cut when its keys are gone (gRPC: %s)", async (isGrpc) => {
  for (const length of [180, 190, 195, 205]) {
    const told = await toldOf(`${".".repeat(length)}k3y-of-ours-is-long${".".repeat(300)}\nmore`, {
      headers: "Bearer k3y-of-ours-is-long",
      isGrpc,
    });
    expect(told).toMatch(/^.{1,225}…$/);
    expect(told).not.toContain("k3");
  }
});

test("a collector that repeats the key which it refuses gets it into no message", async () => {
  const port = await listen(
    createHttpServer(({ headers }, response) => {
      response.writeHead(401, { "content-type": "text/plain" });
      response.end(`no such keys: ${headers["x-team"]}, ${headers.authorization?.slice("Basic ".length)}`);
    }),
  );
  const config = readServerConfig({}, () => undefined, {
    OTEL_ENABLED: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_HEADERS: "x-team=k3y-of-ours,authorization=Basic%20YW5uOms=",
  });
  if (!config) throw new Error("the settings are wrong");
  const sender = createSender("traces", tracesTarget(config), config);
  stops.push(() => sender.close());
  expect(await sender.send(new Uint8Array(8))).toMatchObject({
    kind: "refused",
    reason: "status 401, no such keys: REDACTED, REDACTED",
  });
});

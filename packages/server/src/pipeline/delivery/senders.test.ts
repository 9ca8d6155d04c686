import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { readServerConfig } from "../../settings.ts";
import { tracesTarget } from "../signal-target.ts";
import { createSender } from "./create-sender.ts";
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

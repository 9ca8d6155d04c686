import { once } from "node:events";
import { Agent, type IncomingMessage, type RequestOptions, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer } from "node:net";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as HttpExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import { afterEach, describe, expect, test, vi } from "vitest";
import { PortBusyError, type RunningCollector, type ServeOptions, startCollector } from "./serve.ts";

// Real exporters and sockets, on machines that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const running: RunningCollector[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function start(options: ServeOptions = {}): Promise<RunningCollector> {
  const one = await startCollector({ port: 0, ...options });
  running.push(one);
  return one;
}

/** Sends a hundred real spans and returns when the exporter has its answer. */
async function sendHundred(exporter: SpanExporter): Promise<void> {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxExportBatchSize: 30 })],
  });
  const tracer = provider.getTracer("test");
  for (let count = 0; count < 100; count++) tracer.startSpan(`span ${count}`, { root: true }).end();
  await provider.forceFlush();
  await provider.shutdown();
}

describe("the real exporters", () => {
  test.each([
    ["gRPC", (url: string, gzip: never) => new GrpcExporter({ url, compression: gzip })],
    [
      "OTLP/HTTP protobuf",
      (url: string, gzip: never) => new ProtoExporter({ url: `${url}/v1/traces`, compression: gzip }),
    ],
    [
      "OTLP/HTTP JSON",
      (url: string, gzip: never) => new HttpExporter({ url: `${url}/v1/traces`, compression: gzip }),
    ],
  ] as const)("deliver every span by %s, plain and gzipped, on both ports", async (_what, create) => {
    const { port, grpcPort, collector } = await start({ grpcPort: 0 });
    expect(grpcPort).not.toBe(port);
    let expected = 0;
    for (const address of [port, grpcPort]) {
      for (const compression of ["none", "gzip"]) {
        // The enum that `compression` takes is not exported by the exporter packages; these are its values.
        await sendHundred(create(`http://localhost:${address}`, compression as never));
        expected += 100;
        expect(collector.store.stats().spans).toBe(expected);
      }
    }
  });
});

describe("over a real socket", () => {
  test("a body that is too large is answered, not cut off", async () => {
    const { url } = await start({ maxBodyBytes: 1000 });
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(65_536));
        sent += 1;
        if (sent === 50) controller.close();
      },
    });
    let sent = 0;
    const response = await fetch(`${url}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(413);
  });

  test.each([
    ["an unread type", "/v1/traces", { "content-type": "text/plain" }, 415],
    ["another host", "/v1/traces", { host: "rebound.example", "content-type": "application/json" }, 421],
    ["an unknown path", "/v1/other", { "content-type": "application/json" }, 404],
  ])(
    "after a large body of %s the connection answers the next request",
    async (_what, path, headers, status) => {
      const { port } = await start();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ask = async (options: RequestOptions, body = ""): Promise<number | undefined> => {
        const asked = request({ agent, host: "127.0.0.1", port, ...options });
        asked.end(body);
        const [response] = (await once(asked, "response")) as [IncomingMessage];
        response.resume();
        await once(response, "end");
        return response.statusCode;
      };
      expect(await ask({ path, headers, method: "POST" }, "x".repeat(4_000_000))).toBe(status);
      expect(await ask({ path: "/api/stats" })).toBe(200);
      agent.destroy();
    },
  );

  const PIECES =
    "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n";

  test("a sender that stops in the middle of its body is let go", async () => {
    const { port, url } = await start({ silenceMs: 200 });
    const silent = connect(port, "127.0.0.1");
    silent.write(PIECES);
    const stream = connectHttp2(url).request({
      ":method": "POST",
      ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined);
    stream.write(Buffer.from([0]));
    try {
      await Promise.all([once(silent, "close"), once(stream, "close")]);
    } finally {
      silent.destroy();
      stream.session?.destroy();
    }
  });

  test("a sender that writes its body in pieces is answered", async () => {
    const { port } = await start();
    const slow = connect(port, "127.0.0.1").setNoDelay(true);
    try {
      for (const piece of [PIECES, "1\r\n \r\n", "1\r\n}\r\n", "0\r\n\r\n"])
        await new Promise((resolve) => slow.write(piece, resolve));
      expect(String((await once(slow, "data"))[0])).toContain("HTTP/1.1 200");
    } finally {
      slow.destroy();
    }
  });

  test("a reader or sender that goes away in the middle takes nothing with it", async () => {
    const { url, port, collector } = await start();
    const abort = new AbortController();
    const stream = await fetch(`${url}/api/stream`, { signal: abort.signal });
    await stream.body?.getReader().read();
    abort.abort();
    const sender = connect(port, "127.0.0.1");
    sender.write(
      "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    );
    await once(sender, "connect");
    sender.destroy();
    await sendHundred(new HttpExporter({ url: `${url}/v1/traces` }));
    expect(collector.store.stats().spans).toBe(100);
  });

  test("the first bytes may come one at a time, and others are answered meanwhile", async () => {
    const { port, url } = await start();
    const socket = connect(port, "127.0.0.1").setNoDelay(true);
    await once(socket, "connect");
    const text = "PUT /api/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (const byte of text) {
      await new Promise((resolve) => socket.write(byte, resolve));
      if (byte === "P") await fetch(`${url}/api/stats`);
    }
    expect(await readText(socket)).toMatch(/^HTTP\/1\.1 405 /);
  });

  test.each([
    "GET / HTTP/1.1\r\nHost: rebound.example\r\n",
    "GET http://rebound.example/ HTTP/1.1\r\nHost: localhost\r\n",
    "GET / HTTP/1.1\r\nHost: a@localhost\r\n",
  ])("%j reaches nothing", async (head) => {
    const { port } = await start();
    const socket = connect(port, "127.0.0.1");
    socket.write(`${head}Connection: close\r\n\r\n`);
    expect(await readText(socket)).toMatch(/^HTTP\/1\.1 4(00|21) /);
  });

  test("HTTP/2 without gRPC is answered like HTTP/1.1", async () => {
    const { port } = await start();
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":path": "/api/stats", ":authority": "localhost" });
    expect(JSON.parse(await readText(stream))).toMatchObject({ store: "memory", spans: 0 });
    session.close();
  });

  test("both loopback addresses answer, whichever localhost means", async () => {
    const { port } = await start();
    expect((await fetch(`http://127.0.0.1:${port}/api/stats`)).status).toBe(200);
    expect((await fetch(`http://localhost:${port}/api/stats`)).status).toBe(200);
  });
});

describe("ports", () => {
  test("a busy port is named in the error, and nothing stays open", async () => {
    const { port } = await start();
    const attempt = startCollector({ port: 0, grpcPort: port });
    await expect(attempt).rejects.toThrow(PortBusyError);
    await expect(attempt).rejects.toThrow(`throughline: port ${port} is in use by another process`);
  });

  test("a busy port is passed over when asked to", async () => {
    const first = await start();
    const second = await start({ port: first.port, portFallback: true });
    expect(second.port).toBeGreaterThan(first.port);
    expect((await fetch(`${second.url}/api/stats`)).status).toBe(200);
  });

  test("one port given twice is one port", async () => {
    const { port: free } = await start();
    await running.splice(0)[0]?.stop();
    const { port, grpcPort } = await start({ port: free, grpcPort: free });
    expect([port, grpcPort]).toEqual([free, free]);
  });

  test("without a gRPC port there is none", async () => {
    expect((await start()).grpcPort).toBeUndefined();
  });

  test("stop frees the port at once, with streams and idle connections open", async () => {
    const one = await start({ grpcPort: 0 });
    const stream = await fetch(`${one.url}/api/stream`);
    const reader = stream.body?.getReader();
    await reader?.read();
    const idle = connect(one.port, "127.0.0.1");
    await once(idle, "connect");
    const session = connectHttp2(`http://127.0.0.1:${one.grpcPort}`);
    await once(session, "connect");
    session.on("error", () => undefined);
    const closed = Promise.all([once(idle, "close"), once(session, "close")]);
    await one.stop();
    await closed;
    await reader?.closed.catch(() => undefined);
    const again = createServer().listen(one.port, "127.0.0.1");
    await once(again, "listening");
    again.close();
  });
});

async function readText(stream: AsyncIterable<unknown>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

import { connect as connectHttp2 } from "node:http2";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { type RunningCollector, type ServeOptions, startCollector } from "./serve.ts";

const running: RunningCollector[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function start(options: ServeOptions = {}): Promise<RunningCollector> {
  const one = await startCollector({ port: 0, ...options });
  running.push(one);
  return one;
}

interface GrpcAnswer {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly body: Buffer;
}

/** One raw gRPC call, for what no exporter would send. */
async function callGrpc(
  port: number,
  chunks: readonly Uint8Array[],
  more: { readonly path?: string; readonly encoding?: string; readonly authority?: string } = {},
): Promise<GrpcAnswer> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": more.path ?? "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    ":authority": more.authority ?? `localhost:${port}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...(more.encoding === undefined ? {} : { "grpc-encoding": more.encoding }),
  });
  let result: Record<string, unknown> = {};
  stream.on("response", (headers) => {
    result = { ...result, ...headers };
  });
  stream.on("trailers", (trailers) => {
    result = { ...result, ...trailers };
  });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  const body: Buffer[] = [];
  for await (const chunk of stream) body.push(chunk as Buffer);
  session.close();
  return {
    status: Number(result[":status"]),
    code: Number(result["grpc-status"]),
    message: String(result["grpc-message"] ?? ""),
    body: Buffer.concat(body),
  };
}

function frame(payload: Uint8Array, compressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0, 0);
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
}

describe("a gRPC call", () => {
  test("with an empty message is a full success", async () => {
    const { port } = await start();
    expect(await callGrpc(port, [frame(Buffer.alloc(0))])).toEqual({
      status: 200,
      code: 0,
      message: "",
      body: frame(Buffer.alloc(0)),
    });
  });

  test("may be split anywhere", async () => {
    const { port } = await start();
    const bytes = frame(gzipSync(Buffer.alloc(0)), true);
    const single = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect((await callGrpc(port, single, { encoding: "gzip" })).code).toBe(0);
  });

  test("gets partial success in its message", async () => {
    const { port } = await start();
    const spanWithoutIds = Buffer.from([0x0a, 4, 0x12, 2, 0x12, 0]);
    const answer = await callGrpc(port, [frame(spanWithoutIds)]);
    expect(answer.code).toBe(0);
    expect(answer.body.toString("utf8")).toContain("trace id");
  });

  test.each([
    ["an unknown method", 12, [frame(Buffer.alloc(0))], { path: "/opentelemetry.Nothing/Export" }],
    ["garbage", 3, [frame(Buffer.from([0xff, 0xff]))], {}],
    ["no message", 13, [], {}],
    ["two messages", 13, [frame(Buffer.alloc(0)), frame(Buffer.alloc(0))], {}],
    ["a compressed flag without an encoding", 13, [frame(gzipSync(""), true)], {}],
    ["an unknown encoding", 12, [frame(gzipSync(""), true)], { encoding: "snappy" }],
    ["a broken gzip message", 3, [frame(Buffer.from("nope"), true)], { encoding: "gzip" }],
    ["a foreign authority", 7, [frame(Buffer.alloc(0))], { authority: "rebound.example:4317" }],
  ] as const)("with %s ends with code %i", async (_what, code, chunks, more) => {
    const { port } = await start();
    const answer = await callGrpc(port, chunks, more);
    expect([answer.status, answer.code]).toEqual([200, code]);
    expect(answer.message).toMatch(/^throughline: /);
  });

  test("over the size limit ends with RESOURCE_EXHAUSTED, plain or packed", async () => {
    const { port } = await start({ maxBodyBytes: 100_000 });
    const large = Buffer.alloc(1_000_000);
    expect((await callGrpc(port, [frame(large)])).code).toBe(8);
    expect((await callGrpc(port, [frame(gzipSync(large), true)], { encoding: "gzip" })).code).toBe(8);
  });
});

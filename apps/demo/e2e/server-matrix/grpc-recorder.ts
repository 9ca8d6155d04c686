import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";

export interface Call {
  readonly headers: IncomingHttpHeaders;
  /** Of its one message, as gRPC's prefix says it. */
  readonly isPacked: boolean;
}

export interface GrpcRecorder {
  readonly url: string;
  readonly calls: readonly Call[];
  stop(): Promise<void>;
}

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const PREFIX_BYTES = 5;

/** A collector that speaks gRPC without TLS: it keeps what each call said of itself, and hands its spans on. */
export async function startGrpcRecorder(): Promise<GrpcRecorder> {
  const calls: Call[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const answer = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> => {
    const framed = await buffer(stream);
    const isPacked = framed.readUInt8(0) === 1;
    const message = framed.subarray(PREFIX_BYTES, PREFIX_BYTES + framed.readUInt32BE(1));
    calls.push({ headers, isPacked });
    await handOn(isPacked ? gunzipSync(message) : message);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(PREFIX_BYTES));
  };
  const server = createServer()
    .on("session", (session) => sessions.add(session))
    .on("stream", (stream, headers) => void answer(stream, headers));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async stop() {
      for (const session of sessions) session.destroy();
      await once(server.close(), "close");
    },
  };
}

async function handOn(message: Uint8Array): Promise<void> {
  const { status } = await fetch(`${process.env.THROUGHLINE_COLLECTOR_URL}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: new Uint8Array(message),
  });
  if (status !== 200) throw new Error(`the collector of the tests answered ${status}`);
}

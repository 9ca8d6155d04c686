import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { openCursor, readText, readVarint, skipField } from "../otlp/protobuf-reader.ts";
import { CONTENT_TYPES, RPC } from "../otlp/responses.ts";
import type { Handle } from "./http-bridge.ts";

// Unary gRPC over HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), as an adapter: the
// message becomes an OTLP/HTTP request, so size limit, gzip, validation and storage are the same code.

export interface GrpcOptions {
  readonly handle: Handle;
  readonly maxBodyBytes: number;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

interface Outcome {
  readonly code: number;
  readonly message: string;
  readonly body?: Uint8Array;
}

const PATHS: Readonly<Record<string, string>> = {
  "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "/v1/traces",
  "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "/v1/logs",
  "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "/v1/metrics",
};
const PREFIX_BYTES = 5;
const COMMON_HEADERS = {
  "content-type": "application/grpc+proto",
  "grpc-accept-encoding": "identity,gzip",
} as const;

export function isGrpc(headers: Headers): boolean {
  return String(headers["content-type"] ?? "").startsWith("application/grpc");
}

/** Answers one gRPC call; the HTTP status is always 200, the result is in the trailers. */
export async function answerGrpc(
  options: GrpcOptions,
  request: Http2ServerRequest,
  response: Http2ServerResponse,
): Promise<void> {
  response.on("error", () => undefined);
  const outcome = await call(options, request).catch(
    (error: unknown): Outcome => ({
      code: RPC.internal,
      message: `throughline: ${error instanceof Error ? error.message : String(error)}`,
    }),
  );
  // The caller may have gone meanwhile.
  if (response.stream === undefined || response.stream.destroyed) return;
  respond(response, outcome);
  // What is left of a request that was refused early; unread, it would hold the stream open.
  request.resume();
}

async function call({ handle, maxBodyBytes }: GrpcOptions, incoming: Http2ServerRequest): Promise<Outcome> {
  const { headers } = incoming;
  const path = PATHS[String(headers[":path"])];
  if (path === undefined) {
    return {
      code: RPC.unimplemented,
      message: `throughline: there is no method ${String(headers[":path"])}`,
    };
  }
  const received = await readFrames(incoming, maxBodyBytes);
  if (received === undefined) {
    return {
      code: RPC.resourceExhausted,
      message: `throughline: the message is larger than ${maxBodyBytes / 2 ** 20} MiB; send smaller batches, or raise maxBodyBytes`,
    };
  }
  const message = unframe(received, String(headers["grpc-encoding"] ?? "identity"));
  if ("code" in message) return message;
  const request = new Request(`http://${String(headers[":authority"] ?? headers.host)}${path}`, {
    method: "POST",
    headers: {
      "content-type": CONTENT_TYPES.protobuf,
      ...(message.gzip ? { "content-encoding": "gzip" } : {}),
    },
    body: message.payload,
  });
  return outcomeOf(await handle(request));
}

/** All frames, or undefined when they are larger than the limit. */
async function readFrames(incoming: Http2ServerRequest, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    incoming.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes + PREFIX_BYTES) {
        chunks.length = 0;
        resolve(undefined);
        return;
      }
      chunks.push(chunk);
    });
    incoming.on("end", () => resolve(Buffer.concat(chunks)));
    incoming.on("error", reject);
    incoming.on("close", () => reject(new Error("the caller closed the stream")));
  });
}

function unframe(
  frames: Buffer,
  encoding: string,
): { readonly gzip: boolean; readonly payload: Buffer } | Outcome {
  const length = frames.length < PREFIX_BYTES ? -1 : frames.readUInt32BE(1);
  if (frames.length !== PREFIX_BYTES + length) {
    return { code: RPC.internal, message: "throughline: Export takes exactly one whole message" };
  }
  const gzip = frames.readUInt8(0) === 1;
  if (gzip && encoding === "identity") {
    return {
      code: RPC.internal,
      message: "throughline: the message is marked compressed without grpc-encoding",
    };
  }
  if (gzip && encoding !== "gzip") {
    return {
      code: RPC.unimplemented,
      message: `throughline: grpc-encoding ${encoding} is unknown; use gzip`,
    };
  }
  return { gzip, payload: frames.subarray(PREFIX_BYTES) };
}

async function outcomeOf(response: Response): Promise<Outcome> {
  const body = new Uint8Array(await response.arrayBuffer());
  if (response.ok) return { code: RPC.ok, message: "", body };
  return statusOf(body);
}

function statusOf(body: Uint8Array): Outcome {
  const cursor = openCursor(body);
  let code: number = RPC.internal;
  let message = "";
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    if (tag === 8) code = readVarint(cursor);
    else if (tag === 18) message = readText(cursor);
    else skipField(cursor, tag);
  }
  return { code, message };
}

function respond(response: Http2ServerResponse, { code, message, body }: Outcome): void {
  const result = {
    "grpc-status": String(code),
    ...(message === "" ? {} : { "grpc-message": print(message) }),
  };
  const headers = body === undefined ? { ...COMMON_HEADERS, ...result } : COMMON_HEADERS;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body === undefined) {
    response.end();
    return;
  }
  response.addTrailers(result);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(body.length, 1);
  response.end(Buffer.concat([prefix, body]));
}

// Only bytes outside printable ASCII and % itself; encodeURIComponent would also escape spaces.
function print(message: string): string {
  return Array.from(Buffer.from(message, "utf8"), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
}

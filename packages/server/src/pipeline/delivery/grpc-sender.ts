import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from "node:http2";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { VERSION } from "../../version.ts";
import { firstLine, readPartialSuccess, readRetryDelayMs } from "../otlp/read-answer.ts";
import {
  CORRECT_PORT,
  credentialsOf,
  cureOfStatus,
  MAX_ANSWER_BYTES,
  notReached,
  type Outcome,
  type Sender,
  type SenderOptions,
} from "./sender.ts";

const PREFIX_BYTES = 5;

// https://opentelemetry.io/docs/specs/otlp/#failures: CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE,
// UNAVAILABLE, DATA_LOSS; RESOURCE_EXHAUSTED only with a hint when to come back.
const RETRYABLE: ReadonlySet<number> = new Set([1, 4, 10, 11, 14, 15]);
const RESOURCE_EXHAUSTED = 8;
const UNAUTHENTICATED = 16;
const PERMISSION_DENIED = 7;

/** What a server of HTTP says to a call of gRPC, whose path nobody sets. */
const OTHER_SERVER: ReadonlySet<number> = new Set([404, 405, 415]);

const zip = promisify(gzip);

/** OTLP as the one unary call it is, over Node's own HTTP/2; a gRPC library would cost more than the rest of us to load. */
export function createGrpcSender(given: SenderOptions): Sender {
  const options = { ...given, headers: { ...credentialsOf(given.url), ...given.headers } };
  let session: ClientHttp2Session | undefined;

  const open = (): ClientHttp2Session => {
    if (session && !session.closed && !session.destroyed) return session;
    const opened = connect(new URL(options.url).origin, { ...options.tls });
    // Each stream is told of it too.
    opened.on("error", () => undefined);
    // A process that has nothing else to do ends; a flush keeps it, for its time.
    opened.unref();
    session = opened;
    return opened;
  };

  return {
    async send(body): Promise<Outcome> {
      const isPacked = options.compression === "gzip";
      const message = isPacked ? await zip(body) : body;
      let current: ClientHttp2Session | undefined;
      try {
        current = open();
        return await call(current, options, frame(message, isPacked), isPacked);
      } catch (error) {
        // A connection that is only half there would fail each call after this one too.
        current?.destroy();
        return notReached(error, error instanceof NoAnswer);
      }
    },
    close: () => session?.destroy(),
  };
}

/** The collector was reached, and the deadline passed before its answer had come. */
class NoAnswer extends Error {}

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
function frame(message: Uint8Array, isPacked: boolean): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed.writeUInt8(isPacked ? 1 : 0, 0);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

function call(
  session: ClientHttp2Session,
  options: SenderOptions,
  body: Buffer,
  isPacked: boolean,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": options.rpc,
      "user-agent": `throughline-server/${VERSION}`,
      // HTTP/2 knows lower case only.
      ...Object.fromEntries(
        Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": `${options.timeoutMs}m`,
      ...(isPacked && { "grpc-encoding": "gzip" }),
    });
    const deadline = setTimeout(
      () =>
        stream.destroy(
          new (session.connecting ? Error : NoAnswer)(`no answer within ${options.timeoutMs} ms`),
        ),
      options.timeoutMs,
    );
    deadline.unref();
    stream.once("error", reject);
    stream.once("close", () => {
      clearTimeout(deadline);
      reject(new Error("the connection was closed"));
    });
    readAnswer(stream, (headers, answer) => resolve(outcomeOf(headers, answer)));
    stream.end(body);
  });
}

function readAnswer(
  stream: ClientHttp2Stream,
  done: (headers: IncomingHttpHeaders, body: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  let size = 0;
  stream.once("response", (first) => {
    headers = first;
  });
  stream.once("trailers", (last) => {
    headers = { ...headers, ...last };
  });
  stream.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_ANSWER_BYTES) chunks.push(chunk);
  });
  stream.once("end", () => {
    if (headers[":status"] !== undefined) done(headers, Buffer.concat(chunks));
  });
}

function outcomeOf(headers: IncomingHttpHeaders, body: Buffer): Outcome {
  const http = Number(headers[":status"]);
  if (http !== 200) {
    const isPassing = http === 429 || http >= 502;
    const reason = `status ${http}`;
    const cure = OTHER_SERVER.has(http) ? CORRECT_PORT : cureOfStatus(http);
    return isPassing ? { kind: "later", reason, cure, reached: true } : { kind: "refused", reason, cure };
  }
  const status = Number(headers["grpc-status"] ?? 2);
  if (status === 0)
    return { kind: "taken", ...readPartialSuccess("application/grpc", body.subarray(PREFIX_BYTES)) };
  const details = headers["grpc-status-details-bin"];
  const afterMs = typeof details === "string" ? readRetryDelayMs(Buffer.from(details, "base64")) : undefined;
  const reason = `gRPC status ${status}${messageOf(headers["grpc-message"])}`;
  if (RETRYABLE.has(status) || (status === RESOURCE_EXHAUSTED && afterMs !== undefined)) {
    return { kind: "later", reason, cure: "Look into the collector's log", afterMs, reached: true };
  }
  return { kind: "refused", reason, cure: cureOfStatus(httpOf(status)) };
}

/** The HTTP status that has the same cure; 0 for none, because gRPC has no path to correct. */
function httpOf(status: number): number {
  if (status === UNAUTHENTICATED || status === PERMISSION_DENIED) return 401;
  return status === RESOURCE_EXHAUSTED ? 413 : 0;
}

function messageOf(text: string | readonly string[] | undefined): string {
  if (typeof text !== "string" || text === "") return "";
  try {
    return `, ${firstLine(decodeURIComponent(text))}`;
  } catch {
    return `, ${firstLine(text)}`;
  }
}

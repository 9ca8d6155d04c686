import { ClientRequest, Agent as HttpAgent, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { urlToHttpOptions } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { VERSION } from "../../version.ts";
import { readErrorMessage, readPartialSuccess } from "../otlp/read-answer.ts";
import {
  cureOfStatus,
  MAX_ANSWER_BYTES,
  MAX_LANES,
  notReached,
  type Outcome,
  type Sender,
  type SenderOptions,
} from "./sender.ts";

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly body: Buffer;
}

// https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const zip = promisify(gzip);

/** OTLP over HTTP/1.1 with connections that are kept: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
export function createHttpSender(options: SenderOptions): Sender {
  const url = new URL(options.url);
  const pool = { keepAlive: true, maxSockets: MAX_LANES };
  const agent = url.protocol === "https:" ? new HttpsAgent({ ...pool, ...options.tls }) : new HttpAgent(pool);
  return {
    async send(body): Promise<Outcome> {
      try {
        const packed = options.compression === "gzip" ? await zip(body) : body;
        return outcomeOf(await postTwice(url, agent, options, packed));
      } catch (error) {
        return notReached(error, error instanceof NoAnswer);
      }
    },
    close: () => agent.destroy(),
  };
}

/** The collector was reached, and the deadline passed before its answer had come. */
class NoAnswer extends Error {}

async function postTwice(
  url: URL,
  agent: HttpAgent,
  options: SenderOptions,
  body: Uint8Array,
): Promise<Answer> {
  try {
    return await post(url, agent, options, body);
  } catch (error) {
    // The collector closed a kept connection just when it was used again; a new one will do.
    if (!(error instanceof Error && "onKeptConnection" in error)) throw error;
    return await post(url, agent, options, body);
  }
}

function post(url: URL, agent: HttpAgent, options: SenderOptions, body: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // The class and not http.request, which instrumentations replace: an export must never become a span.
    const request = new ClientRequest({
      ...urlToHttpOptions(url),
      agent,
      method: "POST",
      headers: {
        "user-agent": `throughline-server/${VERSION}`,
        ...options.headers,
        "content-type": options.contentType,
        "content-length": body.byteLength,
        ...(options.compression === "gzip" && { "content-encoding": "gzip" }),
      },
    });
    // Not while it waits for its turn on a connection, or for one to come about.
    let isConnected = false;
    const deadline = setTimeout(
      () => request.destroy(new (isConnected ? NoAnswer : Error)(`no answer within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    );
    const fail = (error: Error): void => {
      clearTimeout(deadline);
      const wasClosed = request.reusedSocket && "code" in error && error.code === "ECONNRESET";
      reject(wasClosed ? Object.assign(error, { onKeptConnection: true }) : error);
    };
    // Spans on their way must not keep alive a process that has nothing else to do; a flush does, for its time.
    deadline.unref();
    request.once("socket", (socket) => {
      socket.unref();
      isConnected = !socket.connecting;
      if (isConnected) return;
      socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => {
        isConnected = true;
      });
    });
    request.once("error", fail);
    request.once("response", (response) => {
      readAnswer(response).then((answer) => {
        clearTimeout(deadline);
        resolve(answer);
      }, fail);
    });
    request.end(body);
  });
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Read to its end, or the connection could not be used again; kept only as far as it can be of use.
    if (size <= MAX_ANSWER_BYTES) chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers["content-type"] ?? "",
    retryAfter: response.headers["retry-after"],
    body: Buffer.concat(chunks),
  };
}

function outcomeOf({ status, contentType, retryAfter, body }: Answer): Outcome {
  if (status >= 200 && status < 300) return { kind: "taken", ...readPartialSuccess(contentType, body) };
  const message = readErrorMessage(contentType, body);
  const reason = message === "" ? `status ${status}` : `status ${status}, ${message}`;
  const cure = cureOfStatus(status);
  if (!RETRYABLE.has(status)) return { kind: "refused", reason, cure };
  return { kind: "later", reason, cure, afterMs: parseRetryAfter(retryAfter, Date.now()), reached: true };
}

/** `Retry-After`, seconds or a date, as milliseconds from `nowMs`; `undefined` when it says nothing usable. */
export function parseRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const seconds = Number(text);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

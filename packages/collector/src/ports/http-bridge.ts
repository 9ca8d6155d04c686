import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

export type Handle = (request: Request) => Promise<Response>;

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = ServerResponse | Http2ServerResponse;

const HOST = /^[\w.-]+(:\d+)?$|^\[[\da-f:.]+\](:\d+)?$/i;

/** Answers one request of `node:http` or `node:http2` with a fetch-style handler. */
export async function answerNodeRequest(
  handle: Handle,
  incoming: Incoming,
  outgoing: Outgoing,
): Promise<void> {
  // A write that meets a closed connection is reported here too; unheard, it would end the process.
  outgoing.on("error", () => undefined);
  try {
    const body = bodyOf(incoming);
    const request = toRequest(incoming, body.stream);
    if (request === undefined) {
      body.discard();
      outgoing.writeHead(400, { "content-type": "application/json" });
      outgoing.end('{"code":"bad_request","message":"throughline: the request has no valid Host or path"}');
      return;
    }
    const response = await handle(request);
    // What a refusal left unread would keep the connection's next request from being seen.
    body.discard();
    await send(response, outgoing);
  } catch {
    // The sender went away in the middle: there is nobody left to answer.
    if ("stream" in outgoing) outgoing.stream.destroy();
    else outgoing.destroy();
  }
}

function toRequest(incoming: Incoming, body: ReadableStream<Uint8Array>): Request | undefined {
  const host = incoming.headers[":authority"] ?? incoming.headers.host;
  const path = incoming.url ?? "";
  if (typeof host !== "string" || !HOST.test(host) || !path.startsWith("/")) return undefined;
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  const method = incoming.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(`http://${host}${path}`, {
    method,
    headers,
    ...(hasBody ? { body, duplex: "half" } : {}),
  } as RequestInit);
}

// Not Readable.toWeb: cancelling that one destroys the socket, and the sender of a body that is too
// large would see a reset connection instead of the 413.
function bodyOf(incoming: Incoming): { stream: ReadableStream<Uint8Array>; discard: () => void } {
  let open = true;
  const discard = (): void => {
    open = false;
    incoming.resume();
  };
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      incoming.on("data", (chunk: Uint8Array) => {
        if (!open) return;
        controller.enqueue(chunk);
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.on("end", () => {
        if (open) controller.close();
        open = false;
      });
      const fail = (): void => {
        if (open) controller.error(new Error("throughline: the sender closed the connection"));
        open = false;
      };
      incoming.on("error", fail);
      incoming.on("close", fail);
      incoming.pause();
    },
    pull() {
      incoming.resume();
    },
    cancel: discard,
  });
  return { stream, discard };
}

async function send(response: Response, outgoing: Outgoing): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  const reader = response.body.getReader();
  const gone = new Promise<void>((resolve) => {
    outgoing.on("close", () => {
      resolve();
      void reader.cancel().catch(() => undefined);
    });
  });
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    await Promise.race([gone, write(outgoing, next.value)]);
  }
  outgoing.end();
}

function write(outgoing: Outgoing, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    // Both kinds of response write alike; their overloads only differ in the type of the error.
    (outgoing as ServerResponse).write(chunk, () => resolve());
  });
}

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What is to be told when a connection is gone, one listener for all its requests. */
const told = new WeakMap<Socket, Set<() => void>>();

/**
 * Runs `run` once, when a response has closed or never will: pipelined requests are answered one after another, and a
 * response that waits for its turn has no socket, so Node tells it nothing when the connection breaks
 * (`abortIncoming` in `lib/_http_server.js`; the request tells nothing either once its body was read).
 */
export function onceOver(response: ServerResponse, run: () => void): void {
  const atEnd = toldOf(response.req.socket);
  const over = (): void => {
    atEnd.delete(waiting);
    response.removeListener("close", over);
    run();
  };
  const waiting = (): void => {
    if (response.socket === null) over();
  };
  atEnd.add(waiting);
  listenToClose(response, over);
}

/** Next.js has ten listeners of its own on a response, where it goes on to another server: one more and Node warns. */
export function listenToClose(response: ServerResponse, run: () => void): void {
  const most = response.getMaxListeners();
  if (most > 0) response.setMaxListeners(most + 1);
  response.on("close", run);
}

/** Whether a response has closed, or never will. */
export function isOver(response: ServerResponse): boolean {
  return response.closed || (response.socket === null && response.req.socket.destroyed);
}

export interface ResponseEnd {
  /** `undefined` where no head was sent. */
  readonly status: number | undefined;
  /** The caller went away before the last byte. */
  readonly isLeft: boolean;
  /** What this side broke the answer off with. */
  readonly error: Error | undefined;
}

/** Of a response that is over now; a little later Node takes one that was cut off for finished, once it is written to. */
export function endOf(response: ServerResponse): ResponseEnd {
  const { errored, headersSent, statusCode, writableFinished } = response;
  // Whoever hears that the caller has gone may destroy the response with an error too.
  const isBroken = errored !== null && !writableFinished && !hasLeft(response.req.socket);
  return {
    status: headersSent ? statusCode : undefined,
    isLeft: !writableFinished && !isBroken,
    error: isBroken ? errored : undefined,
  };
}

/** By its last packet, or by the lack of one. */
function hasLeft({ errored, readableEnded }: Socket): boolean {
  return readableEnded || (errored as { readonly code?: unknown } | null)?.code === "ECONNRESET";
}

function toldOf(socket: Socket): Set<() => void> {
  const known = told.get(socket);
  if (known) return known;
  const listeners = new Set<() => void>();
  told.set(socket, listeners);
  socket.once("close", () => {
    for (const listener of listeners) listener();
  });
  return listeners;
}

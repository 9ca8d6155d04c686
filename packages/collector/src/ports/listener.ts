import { createServer as createHttp1Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { answerGrpc, type GrpcOptions, isGrpc } from "./grpc.ts";
import { answerNodeRequest } from "./http-bridge.ts";

/** One port that speaks HTTP/1.1, HTTP/2 without TLS, and gRPC. */
export interface Listener {
  /** Binds every address to the port; 0 takes a free one. Rejects with the system's error. */
  listen(addresses: readonly string[], port: number): Promise<number>;
  /** Closes every connection, streams included. */
  stop(): Promise<void>;
}

/** How an HTTP/2 client begins; the first three bytes tell it from every HTTP/1.1 method. */
const HTTP2_PREFACE = "PRI";
const FIRST_BYTES_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 65_000;
/** Four times the heartbeat of the stream of events. */
const SILENCE_MS = 60_000;

export interface ListenerOptions extends GrpcOptions {
  /** How long either side may say nothing in the middle of a request; a minute when left out. */
  readonly silenceMs?: number | undefined;
}

export function createListener(options: ListenerOptions): Listener {
  const silenceMs = options.silenceMs ?? SILENCE_MS;
  const http1 = createHttp1Server({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    void answerNodeRequest(options.handle, request, response);
  });
  // Node watches over slow requests only of servers that listen themselves.
  http1.timeout = silenceMs;
  const http2 = createHttp2Server((request, response) => {
    const { stream } = request;
    stream.setTimeout(silenceMs, () => stream.destroy());
    if (isGrpc(request.headers)) void answerGrpc(options, request, response);
    else void answerNodeRequest(options.handle, request, response);
  });
  // A client that breaks the protocol loses its session; it must not take the process with it.
  http2.on("sessionError", () => undefined);

  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    peek(socket, (isHttp2) => (isHttp2 ? http2 : http1).emit("connection", socket));
  };

  return {
    async listen(addresses, port) {
      let bound = port;
      for (const address of addresses) {
        const server = createServer(accept);
        bound = await bind(server, address, bound).catch((error: NodeJS.ErrnoException) => {
          // A machine without IPv6 still has its first address.
          if (servers.length > 0 && error.code !== "EADDRINUSE") return bound;
          throw error;
        });
        servers.push(server);
      }
      return bound;
    },
    async stop() {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
      servers.length = 0;
    },
  };
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** Looks at the first bytes, puts them back, and hands the socket on. */
function peek(socket: Socket, found: (isHttp2: boolean) => void): void {
  socket.setTimeout(FIRST_BYTES_TIMEOUT_MS, () => socket.destroy());
  // Kept here until it is clear: what is put back makes the socket readable at once, for ever.
  let seen = Buffer.alloc(0);
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const start = seen.toString("latin1", 0, HTTP2_PREFACE.length);
    if (start.length < HTTP2_PREFACE.length && HTTP2_PREFACE.startsWith(start)) return;
    socket.off("readable", look);
    socket.unshift(seen);
    socket.setTimeout(0);
    socket.removeAllListeners("timeout");
    found(start === HTTP2_PREFACE);
  };
  socket.on("readable", look);
}

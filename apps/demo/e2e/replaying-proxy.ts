import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ReplayingProxy {
  readonly origin: string;
  /** What the kept `Server-Timing` header names. */
  replayed(): { readonly traceId: string; readonly spanId: string };
  /** How often it has been asked for the page. */
  served(): number;
  /** Replays the header as if it were older by so many milliseconds. */
  ageBy(ms: number): void;
  stop(): void;
}

interface Kept {
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** A cache in front of the app that keeps one page with its headers, as no cache should. */
export async function startReplayingProxy(
  target: string,
  path: string,
  cacheControl = "no-store",
): Promise<ReplayingProxy> {
  let kept: Kept | undefined;
  let served = 0;
  let age = 0;
  const timing = (): string => String(kept?.headers["server-timing"] ?? "");

  async function replay(response: ServerResponse): Promise<void> {
    served++;
    if (!kept) {
      const fresh = await fetch(target + path, { headers: { "accept-encoding": "identity" } });
      kept = { headers: Object.fromEntries(fresh.headers), body: Buffer.from(await fresh.arrayBuffer()) };
    }
    const aged = timing().replace(/tsrv;desc="(\d+)"/, (_, at) => `tsrv;desc="${Number(at) - age}"`);
    response.setHeader("content-type", "text/html").setHeader("server-timing", aged);
    response.setHeader("cache-control", cacheControl).end(kept.body);
  }
  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    if (incoming.url === path) {
      replay(response).catch((error: unknown) => response.writeHead(502).end(String(error)));
      return;
    }
    const { method, headers, url } = incoming;
    const onward = request(target + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    incoming.pipe(onward);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    replayed() {
      const [, traceId = "", spanId = ""] = /00-(\w{32})-(\w{16})/.exec(timing()) ?? [];
      return { traceId, spanId };
    },
    served: () => served,
    ageBy(ms) {
      age = ms;
    },
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

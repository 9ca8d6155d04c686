import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What one request that reached the downstream server carried. */
export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Downstream {
  readonly url: string;
  readonly received: readonly Received[];
  stop(): Promise<void>;
}

/** How long the slow service takes to answer. */
export const SLOW_MS = 300;

/** The untraced service that the app calls: `/slow` answers late (`?ms=2000`), every other path at once. */
export async function startDownstream(): Promise<Downstream> {
  const received: Received[] = [];
  const server = createServer(({ url: path = "", headers }, response) => {
    received.push({ path, headers });
    const { traceparent, baggage } = headers;
    const times = received.filter((each) => each.path === path).length;
    const told = { stock: 3, path, times, traceparent, baggage };
    // Behind a rewrite it is the caller that is answered so.
    const answer = (): unknown =>
      response
        .setHeader("content-type", "application/json")
        .setHeader("server-timing", "stock;dur=1")
        .end(JSON.stringify(told));
    const ms = new URL(path, "http://downstream").searchParams.get("ms");
    if (path.startsWith("/slow")) setTimeout(answer, Number(ms ?? SLOW_MS));
    else answer();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async stop(): Promise<void> {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";

const APP = `
import { offlineQueue, startWebTracing, traceResourceTiming, withSpan } from "@throughline/web";
startWebTracing({ endpoint: "/v1/traces", instruments: [offlineQueue(), traceResourceTiming()] });
window.makeSpans = (count) => {
  for (let index = 0; index < count; index++)
    withSpan("span " + index, { attributes: { text: "x".repeat(200) } }, () => undefined);
};
`;

const HEAD = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">';

export interface ExitSite {
  readonly url: string;
  /** The numbers of the spans that arrived, each once. */
  readonly arrived: () => ReadonlySet<number>;
  readonly bytes: () => number;
  /** How many spans of requests came with their network timing, and how many without. */
  readonly requests: () => { readonly timed: number; readonly all: number };
  /** Forgets what has arrived. */
  readonly clear: () => void;
  readonly stop: () => void;
}

/** `/` traces and keeps for its next load what did not arrive; `/blank` is a page without any script. */
export async function startExitSite(): Promise<ExitSite> {
  const { outputFiles } = await build({
    stdin: { contents: APP, resolveDir: import.meta.dirname },
    bundle: true,
    format: "esm",
    write: false,
  });
  const pages: Readonly<Record<string, readonly [type: string, text: string]>> = {
    "/": ["text/html", `${HEAD}<script type="module" src="/app.js"></script>`],
    "/blank": ["text/html", HEAD],
    "/app.js": ["text/javascript", outputFiles[0]?.text ?? ""],
  };
  let posts: string[] = [];
  const server = createServer(async (request, response) => {
    const [type, text] = pages[request.url ?? ""] ?? ["application/json", "{}"];
    if (request.method === "POST") posts.push(await bodyOf(request).catch(() => ""));
    response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(text);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived: () =>
      new Set(posts.flatMap((post) => [...post.matchAll(/"span (\d+)"/g)].map(([, n]) => Number(n)))),
    bytes: () => posts.reduce((sum, post) => sum + post.length, 0),
    requests() {
      const spans = posts.flatMap((post) =>
        post.split('"traceId"').filter((part) => part.includes('"url.full"')),
      );
      return { timed: spans.filter((span) => span.includes("responseEnd")).length, all: spans.length };
    },
    clear() {
      posts = [];
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

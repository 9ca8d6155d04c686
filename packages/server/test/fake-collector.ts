import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { type Collector, createCollector, createMemoryStore } from "@throughline/collector";
import type { SpanRecord } from "@throughline/core";
import { DROPPED_SPANS } from "@throughline/core/attributes";

/** What a collector does with its next post: takes it, never answers, or answers otherwise. */
export type Reply =
  | "take"
  | "silence"
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
      readonly delayMs?: number;
    };

export interface FakeCollector {
  readonly url: string;
  readonly port: number;
  /** Every post, in the order of arrival. */
  readonly posts: readonly IncomingMessage[];
  readonly connections: () => number;
  reply: (post: number) => Reply;
  /** What was taken. */
  readonly spans: () => readonly SpanRecord[];
  readonly spanCount: () => number;
  /** The sum of what senders said they had dropped. */
  readonly toldDropped: () => number;
  readonly stop: () => Promise<void>;
}

/** A collector with a real socket that behaves as a test asks, and stores what it takes in a real one. */
export async function startFakeCollector(port = 0): Promise<FakeCollector> {
  const collector = createCollector({ store: createMemoryStore({ maxTraces: 1_000_000 }) });
  const posts: IncomingMessage[] = [];
  let told = 0;
  let connections = 0;
  const server = createServer(async (request, response) => {
    posts.push(request);
    const body = await bodyOf(request);
    const reply = fake.reply(posts.length);
    if (reply === "silence") return;
    if (reply === "take") {
      told += droppedIn(body);
      return pass(collector, request, body, response);
    }
    if (reply.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, reply.delayMs));
    response.writeHead(reply.status, reply.headers).end(reply.body);
  });
  server.on("connection", () => {
    connections += 1;
  });
  await listen(server, port);
  const bound = (server.address() as AddressInfo).port;
  const { store } = collector;
  const fake: FakeCollector = {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    posts,
    connections: () => connections,
    reply: () => "take",
    spans: () => store.list({ limit: 1_000_000 }).flatMap(({ traceId }) => store.getTrace(traceId)),
    spanCount: () => store.stats().spans,
    toldDropped: () => told,
    async stop() {
      server.closeAllConnections();
      await once(server.close(), "close");
      collector.close();
    },
  };
  return fake;
}

async function listen(server: Server, port: number): Promise<void> {
  await once(server.listen(port, "127.0.0.1"), "listening");
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
}

async function pass(
  collector: Collector,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const answer = await collector.handle(
    new Request("http://localhost:4318/v1/traces", {
      method: "POST",
      headers: { "content-type": request.headers["content-type"] ?? "" },
      body: new Uint8Array(body),
    }),
  );
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(Buffer.from(await answer.arrayBuffer()));
}

/** Reads the one number that tells of drops, from JSON only: an empty batch has no span to find it on. */
function droppedIn(body: Buffer): number {
  const match = new RegExp(`"${DROPPED_SPANS}","value":\\{"intValue":(\\d+)`).exec(body.toString("latin1"));
  return Number(match?.[1] ?? 0);
}

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { build } from "esbuild";
import { type PostedSpan, spansInPost } from "./posted-span.ts";

/** A request of the app's, as it came. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly traceparent: string | undefined;
}

/** `service · name`, and the ids. */
export interface ToldSpan extends Pick<PostedSpan, "traceId" | "spanId" | "parentSpanId"> {
  readonly label: string;
}

export interface EmbeddedSite {
  readonly url: string;
  /** Of paths below `/api`. */
  readonly asked: () => readonly Asked[];
  readonly told: () => readonly ToldSpan[];
  readonly stop: () => void;
}

type File = readonly [type: string, body: string];

/** Serves these files by their paths, and below `/api` an answer that any origin may read after a simple request. */
export async function startEmbeddedSite(files: Readonly<Record<string, File>>): Promise<EmbeddedSite> {
  const asked: Asked[] = [];
  const told: ToldSpan[] = [];
  const server = createServer(async (request, response) => {
    const { method = "", headers, url: path = "/" } = request;
    const body = await text(request).catch(() => "");
    const [type, answer] = files[path.replace(/\?.*/, "")] ?? ["application/json", "{}"];
    if (path.endsWith("/v1/traces")) told.push(...toldIn(body));
    else if (path.startsWith("/api/")) asked.push({ method, path, traceparent: headerOf(headers) });
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("cache-control", "no-cache");
    response.setHeader("content-type", type).end(answer);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    told: () => told,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** An app of the tests, as a page loads it. */
export async function bundled(contents: string): Promise<File> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    format: "esm",
    write: false,
  });
  return ["text/javascript", outputFiles[0]?.text ?? ""];
}

/** A document with this inside, which loads these modules. */
export function documentOf(body: string, ...scripts: readonly string[]): File {
  const modules = scripts.map((path) => `<script type="module" src="${path}"></script>`);
  return ["text/html", `<!doctype html><link rel="icon" href="data:,"><body>${body}${modules.join("")}`];
}

function headerOf({ traceparent }: IncomingHttpHeaders): string | undefined {
  return traceparent === undefined ? undefined : String(traceparent);
}

function toldIn(post: string): readonly ToldSpan[] {
  const [, service = ""] = /"service\.name","value":\{"stringValue":"([^"]*)"/.exec(post) ?? [];
  return spansInPost(post || "{}").map(({ name, traceId, spanId, parentSpanId }) => ({
    label: `${service} · ${name}`,
    traceId,
    spanId,
    ...(parentSpanId && { parentSpanId }),
  }));
}

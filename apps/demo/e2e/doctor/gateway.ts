import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";

/** What stands before an app and changes what passes. */
export interface GatewayOptions {
  /** Of a request, in place. */
  readonly onward?: (headers: IncomingHttpHeaders) => void;
  /** Of an answer, in place. */
  readonly back?: (headers: IncomingHttpHeaders) => void;
  /** What it puts in place of the app's own text, by path; the headers stay. */
  readonly pages?: Readonly<Record<string, { readonly type: string; readonly text: string }>>;
  /** Where it leads each of these paths on to. */
  readonly redirects?: Readonly<Record<string, string>>;
  /** Paths that begin like this get no answer: the connection is cut. */
  readonly cut?: string;
}

/** A proxy before the app at `target`. */
export async function startGateway(
  target: string,
  { onward, back, pages = {}, redirects = {}, cut }: GatewayOptions,
) {
  const server = createServer((incoming: IncomingMessage, response) => {
    const { method, url = "/" } = incoming;
    if (cut && url.startsWith(cut)) {
      incoming.destroy();
      return;
    }
    const location = redirects[url];
    if (location) {
      response.writeHead(302, { location }).end();
      return;
    }
    const headers = { ...incoming.headers };
    onward?.(headers);
    const passed = request(target + url, { method, headers }, (answer) => {
      const answered = { ...answer.headers };
      back?.(answered);
      const own = pages[url.split("?", 1)[0] ?? "/"];
      if (own) {
        for (const name of ["content-length", "content-encoding", "transfer-encoding"]) delete answered[name];
        answer.resume();
        response.writeHead(200, { ...answered, "content-type": own.type }).end(own.text);
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answered);
      answer.pipe(response);
    });
    passed.on("error", () => response.writeHead(502).end());
    incoming.pipe(passed);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop(): void {
      server.closeAllConnections();
      server.close();
    },
  };
}

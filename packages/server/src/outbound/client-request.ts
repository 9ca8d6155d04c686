import type { ClientRequest } from "node:http";
import type { HeaderDoor } from "./calls.ts";

// What a request that was given its headers as an array, or `Expect: 100-continue`, has of them: text, and no
// setHeader any more. Node 20 to 26 name it like this.
interface WrittenHeaders {
  _header?: string | null;
  outputData?: { data: unknown }[];
}

type Request = ClientRequest & WrittenHeaders;

export const clientRequestDoor: HeaderDoor<ClientRequest> = {
  get: headerOf,
  add(request: Request, name, value) {
    if (typeof request._header === "string") addToWritten(request, `${name}: ${value}\r\n`);
    else request.setHeader(name, value);
  },
  replace(request: Request, name, value) {
    if (typeof request._header !== "string") request.setHeader(name, value);
    else rewrite(request, (text) => text.replace(lineOf(name), `\r\n${name}: ${value}`));
  },
};

/** Scheme, host and port, as the request names them to the server. */
export function originOf(request: ClientRequest): string {
  return `${request.protocol}//${headerOf(request, "host") ?? hostOf(request)}`;
}

/** The same by where it goes, but for the port: what an app hands on as `Host` may be its own caller's word. */
export function destinationOf(request: ClientRequest): string {
  const [port = ""] = /:\d+$/.exec(headerOf(request, "host") ?? "") ?? [];
  return `${request.protocol}//${hostOf(request)}${port}`;
}

function hostOf({ host }: ClientRequest): string {
  return host.includes(":") ? `[${host}]` : host;
}

function headerOf(request: Request, name: string): string | undefined {
  if (typeof request._header === "string") {
    return lineOf(name).exec(request._header)?.[1];
  }
  const value = request.getHeader(name);
  return value === undefined ? undefined : String(value);
}

function addToWritten(request: Request, line: string): void {
  rewrite(request, (text) => {
    const first = text.indexOf("\r\n") + 2;
    return text.slice(0, first) + line + text.slice(first);
  });
}

function rewrite(request: Request, change: (text: string) => string): void {
  const before = request._header ?? "";
  const after = change(before);
  request._header = after;
  for (const waiting of request.outputData ?? []) {
    if (typeof waiting.data === "string" && waiting.data.startsWith(before))
      waiting.data = after + waiting.data.slice(before.length);
  }
}

function lineOf(name: string): RegExp {
  return new RegExp(`\\r\\n${name}: ?([^\\r]*)`, "i");
}

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
  has: (request: Request, name) => headerOf(request, name) !== undefined,
  add(request: Request, name, value) {
    if (typeof request._header === "string") addToWritten(request, `${name}: ${value}\r\n`);
    else request.setHeader(name, value);
  },
};

/** Scheme, host and port, as the request names them to the server. */
export function originOf(request: ClientRequest): string {
  const named = headerOf(request, "host");
  const host = named ?? (request.host.includes(":") ? `[${request.host}]` : request.host);
  return `${request.protocol}//${host}`;
}

function headerOf(request: Request, name: string): string | undefined {
  if (typeof request._header === "string") {
    return new RegExp(`\\r\\n${name}: ?([^\\r]*)`, "i").exec(request._header)?.[1];
  }
  const value = request.getHeader(name);
  return value === undefined ? undefined : String(value);
}

function addToWritten(request: Request, line: string): void {
  const before = request._header ?? "";
  const first = before.indexOf("\r\n") + 2;
  const after = before.slice(0, first) + line + before.slice(first);
  request._header = after;
  for (const waiting of request.outputData ?? []) {
    if (typeof waiting.data === "string" && waiting.data.startsWith(before))
      waiting.data = after + waiting.data.slice(before.length);
  }
}

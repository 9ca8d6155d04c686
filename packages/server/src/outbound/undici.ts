import { AsyncResource } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import type { Span } from "@opentelemetry/api";
import * as names from "@throughline/core/attributes";
import { guarded } from "../guarded.ts";
import { activeContext } from "../spans/current-context.ts";
import { endAnswered, endFailed, endGivenUp } from "./call-end.ts";
import { callOptionsOf } from "./call-options.ts";
import type { Calls, HeaderDoor } from "./calls.ts";
import { noteNetworkUse } from "./network-use.ts";

// What undici tells on its channels: https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md
interface UndiciRequest {
  readonly origin?: string | URL;
  readonly path: string;
  readonly method: string;
  /** Names and values by turns; one text in undici 5, which Node 20.9 holds. */
  headers: (string | string[] | Buffer)[] | string;
  addHeader?(name: string, value: string): unknown;
  /** Of a WebSocket, or of `undici.upgrade`. */
  readonly upgrade?: unknown;
  onUpgrade?(this: unknown, status: number, ...rest: unknown[]): unknown;
  /** Ours. A WeakMap costs several times as much at each of the five messages. */
  [SPAN]?: Flight | undefined;
}

interface Flight {
  readonly span: Span;
  readonly signal: AbortSignal | undefined;
  status: number | undefined;
}

interface Sent {
  readonly request: UndiciRequest;
  readonly socket: { remoteAddress?: string; remotePort?: number; alpnProtocol?: string | false | null };
}

interface Answered {
  readonly request: UndiciRequest;
  readonly response: { readonly statusCode: number };
}

const SPAN = Symbol("throughline call");

/** One CLIENT span for each request of `fetch` and of undici, from its creation to the last byte of the answer. */
export function traceUndici(calls: Calls): () => void {
  const subscriptions = Object.entries({
    "undici:request:create": ({ request }: { request: UndiciRequest }) => create(calls, request),
    "undici:client:sendHeaders": sent,
    "undici:request:headers": answered,
    "undici:request:trailers": completed,
    "undici:request:error": failed,
  }).map(([name, listener]) => {
    const on = guarded(listener as (message: unknown) => void);
    channel(name).subscribe(on);
    return () => channel(name).unsubscribe(on);
  });
  return () => {
    for (const unsubscribe of subscriptions) unsubscribe();
  };
}

const door: HeaderDoor<UndiciRequest> = {
  get({ headers }, name) {
    if (typeof headers === "string") return lineOf(name).exec(headers)?.[1];
    const index = indexOf(headers, name);
    return index < 0 ? undefined : String(headers[index + 1]);
  },
  add(request, name, value) {
    if (request.addHeader) request.addHeader(name, value);
    // undici 6.11.0 had no addHeader.
    else if (typeof request.headers === "string") request.headers += `${name}: ${value}\r\n`;
    else request.headers.push(name, value);
  },
  replace(request, name, value) {
    const { headers } = request;
    if (typeof headers === "string") request.headers = headers.replace(lineOf(name), `${name}: ${value}`);
    else headers[indexOf(headers, name) + 1] = value;
  },
};

function lineOf(name: string): RegExp {
  return new RegExp(`^${name}: ?([^\\r\\n]*)`, "im");
}

function indexOf(headers: Exclude<UndiciRequest["headers"], string>, name: string): number {
  for (let index = 0; index < headers.length; index += 2) {
    const key = headers[index];
    if (key !== undefined && key.length === name.length && String(key).toLowerCase() === name) return index;
  }
  return -1;
}

function create(calls: Calls, request: UndiciRequest): void {
  const { method, path, origin } = request;
  // The way through a proxy, made for a request that has its own span.
  if (method === "CONNECT" || origin === undefined) return;
  const caller = callerOf(request);
  const begin = (): void => {
    noteNetworkUse(activeContext());
    const span = calls.begin(request, { method, path, origin: String(origin) }, door);
    if (!span) return;
    const signal = caller?.signal ?? callOptionsOf(activeContext())?.signal;
    request[SPAN] = { span, status: undefined, signal };
    if (request.upgrade) endAtUpgrade(request);
  };
  if (caller) caller.runInAsyncScope(begin);
  else begin();
}

/** Before September 2026 undici told on no channel that a connection was upgraded: nodejs/undici#5761. */
function endAtUpgrade(request: UndiciRequest): void {
  const { onUpgrade } = request;
  if (typeof onUpgrade !== "function") return;
  request.onUpgrade = function (status, ...rest) {
    answered({ request, response: { statusCode: status } });
    completed({ request });
    return Reflect.apply(onUpgrade, this, [status, ...rest]);
  };
}

type Caller = AsyncResource & { readonly signal?: AbortSignal };

/**
 * What `undici.request` and its like have handed over, which undici keeps by a symbol of this name. It remembers its
 * caller: a pool with a limit creates a request that had to wait while it works for another one, in the context of
 * that.
 */
function callerOf(request: UndiciRequest): Caller | undefined {
  const key = HANDLER_KEYS.find((known) => known in request) ?? handlerKeyOf(request);
  const handler: unknown = key && (request as unknown as Record<symbol, unknown>)[key];
  return handler instanceof AsyncResource ? handler : undefined;
}

/** One for each copy of undici in the process. */
const HANDLER_KEYS: symbol[] = [];

function handlerKeyOf(request: UndiciRequest): symbol | undefined {
  const key = Object.getOwnPropertySymbols(request).find(({ description }) => description === "handler");
  if (key) HANDLER_KEYS.push(key);
  return key;
}

function sent({ request, socket }: Sent): void {
  const flight = request[SPAN];
  if (!flight) return;
  const { remoteAddress, remotePort, alpnProtocol } = socket;
  flight.span.setAttributes({
    [names.NETWORK_PEER_ADDRESS]: remoteAddress,
    [names.NETWORK_PEER_PORT]: remotePort,
    [names.NETWORK_PROTOCOL_VERSION]: alpnProtocol === "h2" ? "2" : "1.1",
  });
}

function answered({ request, response }: Answered): void {
  const flight = request[SPAN];
  if (!flight) return;
  flight.status = response.statusCode;
  flight.span.setAttribute(names.HTTP_RESPONSE_STATUS_CODE, response.statusCode);
}

function completed({ request }: { request: UndiciRequest }): void {
  const flight = request[SPAN];
  if (!flight) return;
  request[SPAN] = undefined;
  endAnswered(flight.span, flight.status);
}

function failed({ request, error }: { request: UndiciRequest; error: unknown }): void {
  const flight = request[SPAN];
  if (!flight) return;
  request[SPAN] = undefined;
  const { span, signal } = flight;
  // undici says AbortError for every reason while it connects, and while a body is read.
  if (signal?.aborted) endGivenUp(span, signal.reason);
  else endFailed(span, error);
}

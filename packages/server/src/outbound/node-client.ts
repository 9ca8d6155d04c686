import { channel } from "node:diagnostics_channel";
import { errorMonitor } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Span } from "@opentelemetry/api";
import * as names from "@throughline/core/attributes";
import { guarded } from "../guarded.ts";
import { endAborted, endAnswered, endFailed, endTimedOut, failureOf, TIMEOUT } from "./call-end.ts";
import type { Calls } from "./calls.ts";
import { clientRequestDoor, destinationOf, originOf } from "./client-request.ts";
import { onRequestCreated } from "./request-created.ts";

type TracedRequest = ClientRequest & { [FLIGHT]?: Flight | undefined; res?: IncomingMessage | null };

interface Flight {
  readonly span: Span;
  error: unknown;
  /** The request had been destroyed on this side when its connection broke. */
  hungUp: boolean;
  timedOut: boolean;
}

const FLIGHT = Symbol("throughline call");

/** One CLIENT span for each request of node:http and node:https, from its creation to the last byte of the answer. */
export function traceNodeClient(calls: Calls): () => void {
  const undoCreated = onRequestCreated(guarded((request: TracedRequest) => create(calls, request)));
  const answered = channel("http.client.response.finish");
  const onAnswered = guarded((message: unknown) => {
    const { request, response } = message as { request: TracedRequest; response: IncomingMessage };
    // Named "finish", told when the headers have come. https://nodejs.org/docs/latest-v20.x/api/diagnostics_channel.html#http
    if (request[FLIGHT]) response.once("end", onAnswerEnd);
  });
  answered.subscribe(onAnswered);
  return () => {
    undoCreated();
    answered.unsubscribe(onAnswered);
  };
}

function create(calls: Calls, request: TracedRequest): void {
  // The way through a proxy, made for a request that has its own span.
  if (request.method === "CONNECT" || request[FLIGHT]) return;
  const { method, path } = request;
  const line = { method, path, origin: originOf(request), destination: destinationOf(request) };
  const span = calls.begin(request, line, clientRequestDoor);
  if (!span) return;
  request[FLIGHT] = { span, error: undefined, hungUp: false, timedOut: false };
  // Functions of the module, so that a request costs no closures.
  request.once(errorMonitor, onError);
  request.once("timeout", onTimeout);
  request.once("close", onClose);
}

function onError(this: TracedRequest, error: unknown): void {
  const flight = this[FLIGHT];
  if (!flight) return;
  flight.error = error;
  flight.hungUp = this.destroyed && (error as { code?: unknown } | undefined)?.code === "ECONNRESET";
}

function onTimeout(this: TracedRequest): void {
  if (this[FLIGHT]) this[FLIGHT].timedOut = true;
}

function onAnswerEnd(this: IncomingMessage & { req?: TracedRequest }): void {
  if (this.req) end(this.req);
}

/** After the last byte at the earliest; alone where the answer was not read, was cut off, or never came. */
function onClose(this: TracedRequest): void {
  end(this);
}

const end = guarded((request: TracedRequest): void => {
  const flight = request[FLIGHT];
  if (!flight) return;
  request[FLIGHT] = undefined;
  const { span, error, timedOut } = flight;
  const response = request.res ?? undefined;
  if (response) describe(span, response);
  if (isWhole(response)) endAnswered(span, response?.statusCode);
  else if (timedOut || failureOf(error) === TIMEOUT) endTimedOut(span);
  else if (isOurs(flight, response)) endAborted(span);
  else endFailed(span, error ?? response?.errored);
});

function describe(span: Span, { statusCode, socket, httpVersion }: IncomingMessage): void {
  span.setAttributes({
    [names.HTTP_RESPONSE_STATUS_CODE]: statusCode,
    [names.NETWORK_PEER_ADDRESS]: socket.remoteAddress,
    [names.NETWORK_PEER_PORT]: socket.remotePort,
    [names.NETWORK_PROTOCOL_VERSION]: httpVersion,
  });
}

/** An upgraded connection has no end of an answer; 101 is all of it. */
function isWhole(response: IncomingMessage | undefined): boolean {
  return response !== undefined && (response.complete || response.statusCode === 101);
}

interface Dumped {
  /** Node throws the rest of an answer away when its request is destroyed. */
  readonly _dumped?: boolean;
}

/** Whether this side hung up. The connection breaks in the same way for both. */
function isOurs({ hungUp }: Flight, response: (IncomingMessage & Dumped) | undefined): boolean {
  return response ? response.errored === null || response._dumped === true : hungUp;
}

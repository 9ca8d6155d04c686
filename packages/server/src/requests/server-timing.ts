import type { ServerResponse } from "node:http";
import type { SpanContext } from "@opentelemetry/api";
import { TraceFlags } from "@opentelemetry/api";
import { printTraceparent } from "@throughline/core";

const NAME = "Server-Timing";

/**
 * Tells the browser which trace made this response: `traceparent;desc="00-…-01", tsrv;desc="<epoch ms>"`. The time
 * lets it refuse an entry that a cache kept with the document. https://www.w3.org/TR/server-timing/
 */
export function appendServerTiming(response: ServerResponse, span: SpanContext, nowMs: number): void {
  // It stands there already where an HTTP instrumentation has opened the SERVER span.
  if (response.headersSent || String(response.getHeader(NAME)).includes("traceparent;")) return;
  const traceparent = printTraceparent({
    traceId: span.traceId,
    spanId: span.spanId,
    sampled: (span.traceFlags & TraceFlags.SAMPLED) !== 0,
  });
  const value = `traceparent;desc="${traceparent}", tsrv;desc="${Math.round(nowMs)}"`;
  response.appendHeader(NAME, value);
  keepHeaderLists(response, value);
}

/**
 * Where a header was set before, Node's `writeHead` puts a list of headers through `setHeader`: of two cookies one
 * remains, and a list of pairs throws. An app that has set none itself gets its list as it wrote it.
 * https://nodejs.org/api/http.html#responsewriteheadstatuscode-statusmessage-headers
 */
function keepHeaderLists(response: ServerResponse, ours: string): void {
  const original = response.writeHead;
  // The overloads of writeHead, which no one signature meets.
  response.writeHead = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    const given = args.find(Array.isArray);
    const headers =
      given && this.getHeaderNames().length === 1 && this.getHeader(NAME) === ours && pairsOf(given);
    if (!headers) return Reflect.apply(original, this, args);
    for (const [name, value] of headers) this.appendHeader(name, value);
    return Reflect.apply(original, this, args.slice(0, args.indexOf(given)));
  } as ServerResponse["writeHead"];
}

type Header = readonly [name: string, value: string];

/** Of a list that is flat or in pairs; `undefined` where Node refuses it. */
function pairsOf(given: readonly unknown[]): readonly Header[] | undefined {
  // What a name or a value may be is for Node to say.
  if (Array.isArray(given[0])) return given as readonly Header[];
  if (given.length % 2 !== 0) return undefined;
  return given.flatMap((name, index) => (index % 2 === 0 ? [[name, given[index + 1]] as Header] : []));
}

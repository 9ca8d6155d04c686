import { ServerResponse } from "node:http";
import type { SpanContext } from "@opentelemetry/api";
import { TraceFlags } from "@opentelemetry/api";
import { printTraceparent } from "@throughline/core";
import { SAMPLED_TIMING } from "@throughline/core/attributes";

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
  response.appendHeader(NAME, `traceparent;desc="${traceparent}", tsrv;desc="${Math.round(nowMs)}"`);
}

/**
 * Tells a page that is traced by the share whether the trace of its document is kept, so that a session that begins there
 * is decided likewise and its page load is not the one part that is kept: `tsmp;desc="1 <epoch ms>"`.
 */
export function appendSampledTiming(response: ServerResponse, isKept: boolean): void {
  const { headers } = response.req;
  // A browser that goes to a page is in no trace; who names one must not choose for those that a cache serves after it.
  if (headers["sec-fetch-dest"] === "document" && headers.traceparent === undefined)
    response.appendHeader(NAME, `${SAMPLED_TIMING};desc="${Number(isKept)} ${Date.now()}"`);
}

/** The header where it holds our own entries alone. */
const OURS = /^(?:(?:traceparent|tsrv|tsmp);desc="[\w -]+"(?:, ?|$))+$/;

/**
 * Where a header was set before, Node's `writeHead` puts a list of headers through `setHeader`: of two cookies one
 * remains, and a list of pairs throws. An app that has set none itself gets its list as it wrote it. Once for all
 * responses: a function of its own for each took 25 µs of a request. Returns the undoing.
 * https://nodejs.org/api/http.html#responsewriteheadstatuscode-statusmessage-headers
 * `before` hears of each head that is about to be written, with what `writeHead` is given.
 */
export function keepHeaderLists(
  before?: (response: ServerResponse, args: readonly unknown[]) => void,
): () => void {
  const { prototype } = ServerResponse;
  const original = prototype.writeHead;
  let isOn = true;
  // The overloads of writeHead, which no one signature meets.
  const writeHead = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    if (isOn) before?.(this, args);
    const given = isOn ? args.find(Array.isArray) : undefined;
    const headers = given && holdsOursAlone(this) ? pairsOf(given) : undefined;
    if (!headers) return Reflect.apply(original, this, args);
    for (const [name, value] of headers) this.appendHeader(name, value);
    return Reflect.apply(original, this, args.slice(0, args.indexOf(given)));
  } as ServerResponse["writeHead"];
  prototype.writeHead = writeHead;
  return () => {
    isOn = false;
    // Somebody who patched after us keeps their patch; ours is passed through.
    if (prototype.writeHead === writeHead) prototype.writeHead = original;
  };
}

function holdsOursAlone(response: ServerResponse): boolean {
  return response.getHeaderNames().length === 1 && OURS.test(String(response.getHeader(NAME)));
}

type Header = readonly [name: string, value: string];

/** Of a list that is flat or in pairs; `undefined` where Node refuses it. */
function pairsOf(given: readonly unknown[]): readonly Header[] | undefined {
  // What a name or a value may be is for Node to say.
  if (Array.isArray(given[0])) return given as readonly Header[];
  if (given.length % 2 !== 0) return undefined;
  return given.flatMap((name, index) => (index % 2 === 0 ? [[name, given[index + 1]] as Header] : []));
}

import { ServerResponse } from "node:http";
import type { SpanContext } from "@opentelemetry/api";
import { TraceFlags } from "@opentelemetry/api";
import { printTraceparent } from "@throughline/core";
import { SAMPLED_TIMING } from "@throughline/core/attributes";

const NAME = "Server-Timing";

/** What a response told the browser, which nobody but the app may take back. */
const TOLD = Symbol("throughline.server_timing");

interface TellingResponse extends ServerResponse {
  [TOLD]?: readonly string[];
}

function tell(response: TellingResponse, entry: string): void {
  const told = response[TOLD];
  // `appendHeader` checks the value twice.
  if (!told && !response.hasHeader(NAME)) response.setHeader(NAME, entry);
  else response.appendHeader(NAME, entry);
  response[TOLD] = told ? [...told, entry] : [entry];
}

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
  tell(response, `traceparent;desc="${traceparent}", tsrv;desc="${Math.round(nowMs)}"`);
}

/**
 * Tells a page that is traced by the share whether the trace of its document is kept, so that a session that begins there
 * is decided likewise and its page load is not the one part that is kept: `tsmp;desc="1 <epoch ms>"`.
 */
export function appendSampledTiming(response: ServerResponse, isKept: boolean): void {
  const { headers } = response.req;
  // A browser that goes to a page is in no trace; who names one must not choose for those that a cache serves after it.
  if (headers["sec-fetch-dest"] === "document" && headers.traceparent === undefined)
    tell(response, `${SAMPLED_TIMING};desc="${Number(isKept)} ${Date.now()}"`);
}

/** The header where it holds our own entries alone. */
const OURS = /^(?:(?:traceparent|tsrv|tsmp);desc="[\w -]+"(?:, ?|$))+$/;

/**
 * Where a header was set before, Node's `writeHead` puts a list of headers through `setHeader`: of two cookies one
 * remains, and a list of pairs throws. An app that has set none itself gets its list as it wrote it. Once for all
 * responses: a function of its own for each took 25 µs of a request. Returns the undoing.
 * https://nodejs.org/api/http.html#responsewriteheadstatuscode-statusmessage-headers
 * Our own entries stand in front of those that the app writes by the same name.
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
    if (!isOn) return Reflect.apply(original, this, args);
    before?.(this, args);
    const told = (this as TellingResponse)[TOLD];
    return Reflect.apply(original, this, told && !this.headersSent ? argsTelling(this, args, told) : args);
  } as ServerResponse["writeHead"];
  prototype.writeHead = writeHead;
  return () => {
    isOn = false;
    // Somebody who patched after us keeps their patch; ours is passed through.
    if (prototype.writeHead === writeHead) prototype.writeHead = original;
  };
}

/** What `writeHead` is to be called with, once what can be set ahead is set. */
function argsTelling(response: ServerResponse, args: unknown[], told: readonly string[]): unknown[] {
  // Who has taken the header away gets none.
  const value = response.getHeader(NAME);
  const isUntouched = told.length === 1 && value === told[0];
  if (value !== undefined && !isUntouched) response.setHeader(NAME, beside(told, value));
  const given = args.find((each) => typeof each === "object" && each !== null);
  if (!given) return args;
  const at = args.indexOf(given);
  if (!Array.isArray(given)) return args.with(at, withTold(given, told));
  const pairs = pairsOf(given);
  if (!pairs || !holdsOursAlone(response)) return args.with(at, pairs ? listTelling(pairs, told) : given);
  for (const [name, header] of pairs) response.appendHeader(name, header);
  return args.slice(0, at);
}

/**
 * The header's value with our entries, where the app, or the server behind a rewrite, has put its own in their place.
 */
function beside(told: readonly string[], value: unknown): string {
  const text = [value].flat().join(", ");
  return [...told.filter((entry) => !text.includes(entry)), text].join(", ");
}

const isTiming = (name: unknown): boolean => String(name).toLowerCase() === "server-timing";

/** Headers that are handed to `writeHead` overrule those set before. */
function withTold(given: object, told: readonly string[]): object {
  // Node takes a header of any object by its own names, and says itself what is wrong with one.
  const [name, value] = Object.entries(given).find(([key]) => isTiming(key)) ?? [];
  return name === undefined || value === undefined ? given : { ...given, [name]: beside(told, value) };
}

function listTelling(pairs: readonly Header[], told: readonly string[]): readonly string[] {
  return pairs.flatMap(([name, value]) => [name, isTiming(name) ? beside(told, value) : value]);
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

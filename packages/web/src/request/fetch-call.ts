import { isIgnored, type UrlRules } from "@throughline/core";

/** What a call of `fetch` asks for, whatever shape its arguments have. */
export interface FetchCall {
  readonly args: readonly [RequestInfo | URL, RequestInit | undefined];
  readonly url: URL;
  readonly method: string;
  /** A copy: the caller's own are never written to. */
  readonly headers: Headers;
  readonly mode: string | undefined;
  readonly signal: AbortSignal | null | undefined;
}

const KNOWN_METHODS = /^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT|TRACE|QUERY)$/;

/**
 * Reads the arguments without taking anything from them; `undefined` for what is not http(s).
 * @throws TypeError where `fetch` itself would reject.
 */
export function readCall(args: readonly unknown[]): FetchCall | undefined {
  // As the browser would: what is no request is a URL or the text of one.
  const [input, init] = args as [RequestInfo | URL, RequestInit | undefined];
  // By what it has: one of another frame, or of a polyfill, is no instance of this `Request`.
  const request = Object(input).headers ? (input as Request) : undefined;
  const url = new URL(request?.url ?? String(input), document.baseURI);
  if (!/^https?:$/.test(args.length ? url.protocol : "")) return undefined;
  return {
    args: [input, init],
    url,
    method: String(init?.method ?? request?.method ?? "GET"),
    headers: new Headers(init?.headers ?? request?.headers),
    mode: init?.mode ?? request?.mode,
    signal: init?.signal === undefined ? request?.signal : init.signal,
  };
}

/** Reads what is to be traced; `undefined` for what is not http(s), is ignored, or cannot be understood. */
export function understandCall(args: readonly unknown[], rules: UrlRules): FetchCall | undefined {
  try {
    const call = readCall(args);
    return call && !isIgnored(rules, call.url) ? call : undefined;
  } catch {
    // The browser will say what is wrong with the arguments.
    return undefined;
  }
}

/** The arguments of the same call with one more header; the caller's objects stay as they are. */
export function withHeader(call: FetchCall, name: string, value: string): [RequestInfo | URL, RequestInit] {
  const [input, init] = call.args;
  const copy: Record<string, unknown> = {};
  // A request that is read with an init, which it now is, loses both: https://fetch.spec.whatwg.org/#dom-request
  let referring: unknown = input;
  // Inherited members too: an init may be a Request or an instance of a class.
  for (const key in init) {
    copy[key] = Reflect.get(init, key);
    // What is undefined is not there.
    if (copy[key] !== undefined) referring = copy;
  }
  const { referrer, referrerPolicy } = Object(referring);
  call.headers.set(name, value);
  return [input, { ...copy, referrer, referrerPolicy, headers: call.headers }];
}

/** The method as HTTP spans write it: `_OTHER` for what is not a method of HTTP. */
export function normalMethod(method: string): string {
  const upper = method.toUpperCase();
  return KNOWN_METHODS.test(upper) ? upper : "_OTHER";
}

/** Whether the Next router fetches this ahead of any click: App Router, Pages Router, `<Link prefetch>`. */
export function isPrefetch({ headers, args: [, init] }: FetchCall): boolean {
  return (
    headers.has("next-router-prefetch") ||
    headers.get("purpose") === "prefetch" ||
    (headers.has("rsc") && init?.priority === "low")
  );
}

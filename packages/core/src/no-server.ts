import { HTTP_RESPONSE_BODY_SIZE, HTTP_RESPONSE_SIZE, OLD_HTTP_URL, URL_FULL } from "./attributes.ts";
import { isAssetPath, isHealthPath, isProbePath, isUnaskedPath } from "./noise-paths.ts";
import { methodOf, statusCodeOf } from "./span-label.ts";
import type { SpanRecord } from "./span-record.ts";

/** Why a browser's request may well have no SERVER span, and what to do about it, if anything. */
export interface NoServer {
  readonly reason: "noise" | "file" | "cache" | "unanswered";
  readonly cause: string;
  readonly fix: string;
}

type Request = Pick<SpanRecord, "name" | "kind" | "attributes" | "events">;

const REASONS: Readonly<Record<NoServer["reason"], Pick<NoServer, "cause" | "fix">>> = {
  noise: {
    cause:
      "it is a health check, a file of the build, or Next.js's or the browser's own: the server makes no span of these",
    fix: "nothing; where the server is to trace health checks, give register ignoreIncoming: { only: [] }",
  },
  file: {
    cause: "it looks like a file of public/, and the server makes no span of those",
    fix: "nothing; if a route of yours answers it, see that the server is traced and that no proxy strips traceparent",
  },
  cache: {
    cause: "the browser's cache or a service worker answered it, so the server was not asked",
    fix: 'nothing; where each request must reach the server, answer with Cache-Control: no-store or ask with cache: "no-store"',
  },
  unanswered: {
    cause: "the page saw no answer: it was aborted, the page left, the network failed, or CORS refused it",
    fix: "nothing if it was aborted; for another origin, see that its CORS answer allows the header traceparent",
  },
};

/** Why no SERVER span joined a browser's request although tracing works; `undefined`: there should be one. */
export function whyNoServer(span: Request): NoServer | undefined {
  const reason = reasonOf(span);
  return reason && { reason, ...REASONS[reason] };
}

function reasonOf(span: Request): NoServer["reason"] | undefined {
  const full = span.attributes[URL_FULL] ?? span.attributes[OLD_HTTP_URL];
  const url = typeof full === "string" ? parse(full) : undefined;
  if (url && isNoise(url)) return "noise";
  if (statusCodeOf(span) === undefined) return "unanswered";
  if (isFromCache(span)) return "cache";
  const method = methodOf(span);
  return url && (method === "GET" || method === "HEAD") && isFile(url.pathname) ? "file" : undefined;
}

/** A span does not tell the app's base path, so that each path below is tried. */
function isNoise(url: URL): boolean {
  const { pathname } = url;
  if (isAssetPath(pathname)) return true;
  // Of a page about health the server knows by `sec-fetch-dest` that a browser asks.
  const isAlwaysDropped = (path: string) =>
    isUnaskedPath(path) || isProbePath(path) || (isHealthPath(path) && !isTrustworthy(url));
  for (let at = 0; at >= 0; at = pathname.indexOf("/", at + 1)) {
    // A base path lies before `/api`, not behind it.
    if (pathname.slice(0, at).endsWith("/api")) break;
    if (isAlwaysDropped(pathname.slice(at))) return true;
  }
  return false;
}

/** Only there do browsers send `sec-fetch-*`: https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy */
function isTrustworthy({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}

/**
 * What the browser answers itself has bytes and took none over the wire; so has what a service worker answers, whatever
 * it did (measured in Chromium 156). Without the event, another origin tells neither size.
 */
function isFromCache({ attributes, events }: Request): boolean {
  return (
    attributes[HTTP_RESPONSE_BODY_SIZE] !== undefined &&
    attributes[HTTP_RESPONSE_SIZE] === undefined &&
    events.some(({ name }) => name === "responseStart")
  );
}

/** `/v1.2` is none, and below `api` and `_next/data` it is code that answers, however the path ends. */
function isFile(path: string): boolean {
  return /\.(?=\d*[a-z])[a-z\d]{1,11}$/i.test(path) && !/\/(?:api|_next\/data)\//.test(path);
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

// Who may talk to the collector. It has no password, so a page on the internet must not reach it through the
// developer's browser: neither across origins nor under a foreign name that resolves to 127.0.0.1 (DNS rebinding).

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

const ALLOWED_HEADERS = [
  "content-type",
  "content-encoding",
  "authorization",
  "traceparent",
  "tracestate",
  "baggage",
  "x-throughline-flush-token",
].join(", ");

/**
 * A host name as URLs have it: in lower case, an IPv6 address in brackets.
 * @throws Error when the text is not a host name alone.
 */
export function parseHost(text: string): string {
  const address = `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.href !== `http://${url?.hostname}/` || url.port !== "") {
    throw new Error(
      `expected a host name such as "collector.internal", got ${JSON.stringify(text)}; leave out scheme, port and path`,
    );
  }
  return url.hostname;
}

/** Whether the request names this collector by a name it answers to: loopback, or one of `allowedHosts`. */
export function isKnownHost(url: URL, allowedHosts: readonly string[]): boolean {
  return LOOPBACK.has(url.hostname) || allowedHosts.includes(url.hostname);
}

/** Whether a page of this origin may send spans: a loopback page, or one of `allowedOrigins`. */
export function mayExport(origin: string, allowedOrigins: readonly string[]): boolean {
  if (allowedOrigins.includes(origin)) return true;
  try {
    return LOOPBACK.has(new URL(origin).hostname);
  } catch {
    return false;
  }
}

/** Whether this request may read or delete traces: not from another origin's page. */
export function mayRead(request: Request, url: URL): boolean {
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== url.origin) return false;
  const site = request.headers.get("sec-fetch-site");
  return site === null || site === "same-origin" || site === "none";
}

/** CORS headers for an export answer, errors included: without them a browser shows a 413 as "Failed to fetch". */
export function exportHeaders(origin: string | null): Readonly<Record<string, string>> {
  if (origin === null) return { vary: "Origin" };
  return { vary: "Origin", "access-control-allow-origin": origin };
}

/** Headers of the answer to a preflight from an origin that may export. */
export function preflightHeaders(origin: string): Readonly<Record<string, string>> {
  return {
    ...exportHeaders(origin),
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": "7200",
  };
}

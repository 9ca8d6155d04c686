export interface Method {
  /** One of the methods the conventions know, else `_OTHER`: a caller's invention must not become a series of its own. */
  readonly name: string;
  readonly spanName: string;
  /** As it was written, where that differs. */
  readonly original: string | undefined;
}

// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#common-attributes, and QUERY of RFC 10008.
const KNOWN = new Map<string, Method>(
  ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE", "CONNECT"].map((name) => [
    name,
    { name, spanName: name, original: undefined },
  ]),
);

/** A request's method as the conventions name it. */
export function methodOf(text: string): Method {
  const known = KNOWN.get(text);
  if (known) return known;
  const name = KNOWN.has(text.toUpperCase()) ? text.toUpperCase() : "_OTHER";
  return { name, spanName: name === "_OTHER" ? "HTTP" : name, original: text };
}

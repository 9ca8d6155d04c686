/** Which requests carry the trace and which are not looked at at all. */
export interface UrlRules {
  /** The page's own origin, `http://localhost:3000`; `undefined` where there is none. */
  readonly pageOrigin: string | undefined;
  /** Foreign origins that may receive `traceparent`, compared whole: `https://api.example.com`. */
  readonly propagateTo: readonly string[];
  /** URL prefixes that are never traced, absolute or starting with `/` (page origin). */
  readonly ignoreUrls: readonly string[];
}

/**
 * Whether `traceparent` may go to this URL: the page's own origin, or one on the list, compared
 * by parsed origin so that `https://api.example.com.evil.test` never passes for `https://api.example.com`.
 */
export function mayPropagate(rules: UrlRules, url: URL): boolean {
  return (
    /^https?:$/.test(url.protocol) &&
    (url.origin === rules.pageOrigin || rules.propagateTo.includes(url.origin))
  );
}

/** Whether this URL starts with one of `ignoreUrls`. */
export function isIgnored(rules: UrlRules, url: URL): boolean {
  return rules.ignoreUrls.some((prefix) =>
    url.href.startsWith(prefix.startsWith("/") ? rules.pageOrigin + prefix : prefix),
  );
}

/**
 * A list entry as an exact origin.
 * @throws Error when the text is not an http(s) origin; a path or wildcard is refused instead of dropped.
 */
export function parseOrigin(text: string): string {
  const url = parseHttpUrl(text);
  if (!url) {
    throw new Error(
      `expected an exact origin such as "https://api.example.com", got ${JSON.stringify(text)}`,
    );
  }
  const bare = url.href === `${url.origin}/`;
  if (!bare || text.includes("*")) {
    throw new Error(
      `expected an exact origin such as "https://api.example.com", got ${JSON.stringify(text)}; leave out path, query and wildcards`,
    );
  }
  return url.origin;
}

/** A part of the web: one origin, or every one, and what lies below a path of it. */
export interface UrlPrefix {
  /** `undefined`: every origin. */
  readonly origin: string | undefined;
  /** `/hit` holds `/hit`, `/hit/x` and `/hit?x`, not `/hits`; `/` holds all. */
  readonly path: string;
}

/**
 * A list entry as an exact origin with a path (`https://stats.example.com/hit`), or a path of every origin (`/hit`).
 * @throws Error when the text is neither; a query or wildcard is refused instead of dropped.
 */
export function parseUrlPrefix(text: string): UrlPrefix {
  const isPath = text.startsWith("/") && !text.startsWith("//");
  const url = parseHttpUrl(isPath ? `http://any${text}` : text);
  if (url?.username !== "" || /[?#*]/.test(text)) {
    throw new Error(
      `expected a URL such as "https://stats.example.com/hit" or a path such as "/hit", got ${JSON.stringify(text)}; leave out query and wildcards`,
    );
  }
  return { origin: isPath ? undefined : url.origin, path: url.pathname };
}

function parseHttpUrl(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a path with its query lies below the prefix. */
export function underPrefix(prefix: UrlPrefix, origin: string, path: string): boolean {
  if (prefix.origin !== undefined && prefix.origin !== origin) return false;
  if (!path.startsWith(prefix.path)) return false;
  const next = path.charAt(prefix.path.length);
  return next === "" || next === "/" || next === "?" || prefix.path.endsWith("/");
}

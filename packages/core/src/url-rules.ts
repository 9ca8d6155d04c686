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
  if (url.protocol !== "http:" && url.protocol !== "https:") return false;
  return url.origin === rules.pageOrigin || rules.propagateTo.includes(url.origin);
}

/** Whether this URL starts with one of `ignoreUrls`. */
export function isIgnored(rules: UrlRules, url: URL): boolean {
  return rules.ignoreUrls.some((prefix) =>
    prefix.startsWith("/")
      ? url.origin === rules.pageOrigin && url.pathname.startsWith(prefix)
      : url.href.startsWith(prefix),
  );
}

/**
 * A list entry as an exact origin.
 * @throws Error when the text is not an http(s) origin; a path or wildcard is refused instead of dropped.
 */
export function parseOrigin(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error(
      `expected an exact origin such as "https://api.example.com", got ${JSON.stringify(text)}`,
    );
  }
  const bare = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (!bare || url.origin === "null" || text.includes("*")) {
    throw new Error(
      `expected an exact origin such as "https://api.example.com", got ${JSON.stringify(text)}; leave out path, query and wildcards`,
    );
  }
  return url.origin;
}

/**
 * A URL that may be stored: credentials and fragment removed, every query value replaced by `REDACTED`,
 * its names kept; a parameter without `=` may be a value too (`/reset?k3y`) and goes as a whole. (The HTTP conventions ask for credentials and known secrets; which other values are
 * personal cannot be known, so all of them go.)
 */
export function redactUrl(url: URL): string {
  const safe = new URL(url.href);
  safe.username = "";
  safe.password = "";
  safe.hash = "";
  safe.search = redactQuery(safe.search);
  return safe.href;
}

/** `?a=1&b` → `?a=REDACTED&REDACTED`; an empty text stays empty. */
export function redactQuery(search: string): string {
  if (search === "" || search === "?") return "";
  return `?${search.replace(/^\?/, "").replace(/(^|&)(?:([^=&]*=)[^&]*|[^&]+)/g, "$1$2REDACTED")}`;
}

const REDACTED = "REDACTED";

/**
 * A URL that may be stored: credentials and fragment removed, every query value replaced by `REDACTED`,
 * its names kept. (The HTTP conventions ask for credentials and known secrets; which other values are
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

/** `?a=1&b` → `?a=REDACTED&b`; an empty text stays empty. */
export function redactQuery(search: string): string {
  if (search === "" || search === "?") return "";
  const pairs = search.replace(/^\?/, "").split("&");
  return `?${pairs.map((pair) => (pair.includes("=") ? `${pair.slice(0, pair.indexOf("="))}=${REDACTED}` : pair)).join("&")}`;
}

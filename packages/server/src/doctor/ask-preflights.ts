import { reasonOf } from "./post.ts";

/** What another origin answers to a browser that wants to send `traceparent`. */
export interface Preflight {
  readonly origin: string;
  /** `undefined`: whether its routes are open to the page cannot be told from `/`. */
  readonly allowsHeader: boolean | undefined;
  readonly reason: string;
}

const PREFLIGHT_MS = 10_000;

/** Asks each origin as a browser would before a request of `page`. Never rejects. */
export function askPreflights(origins: readonly string[], page: URL): Promise<readonly Preflight[]> {
  return Promise.all(origins.map((origin) => askPreflight(origin, page)));
}

/** https://fetch.spec.whatwg.org/#cors-preflight-fetch */
async function askPreflight(origin: string, page: URL): Promise<Preflight> {
  try {
    const { headers, ok, status, body } = await fetch(origin, {
      method: "OPTIONS",
      headers: {
        origin: page.origin,
        "access-control-request-method": "GET",
        "access-control-request-headers": "traceparent",
      },
      redirect: "manual",
      signal: AbortSignal.timeout(PREFLIGHT_MS),
    });
    await body?.cancel();
    const allowed = headers.get("access-control-allow-origin");
    if (!ok || (allowed !== "*" && allowed !== page.origin))
      return {
        origin,
        allowsHeader: undefined,
        reason: `status ${status}, ${ok ? `and no word of ${page.origin}` : "which allows nothing"}`,
      };
    const named = (headers.get("access-control-allow-headers") ?? "").toLowerCase().split(/\s*,\s*/);
    const allowsHeader = named.includes("traceparent") || named.includes("*");
    return { origin, allowsHeader, reason: `Access-Control-Allow-Headers: ${named.join(", ") || "none"}` };
  } catch (error) {
    return { origin, allowsHeader: undefined, reason: reasonOf(error) };
  }
}

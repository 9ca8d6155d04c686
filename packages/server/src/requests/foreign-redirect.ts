import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { scrub } from "@throughline/core";
import { guarded } from "../guarded.ts";
import { warnOnce } from "../log.ts";
import { builtPropagateTo } from "../settings.ts";
import { hostsAsked } from "./request-address.ts";

/**
 * Tells once that a page's `fetch` is led to another origin with its `traceparent`: where that origin does not allow the
 * header, browsers fail the request, which they do not without tracing. Nobody but the one who redirects can know it.
 * https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export const tellForeignRedirect: (response: ServerResponse, location: string) => void = guarded(
  ({ req: { headers, url = "/" } }: ServerResponse, location: string): void => {
    if (!isOfPage(headers)) return;
    const base = `http://${headers.host}`;
    // Who calls may write any host, and an app may pass on any address.
    if (!URL.canParse(location, base)) return;
    const { host, origin } = new URL(location, base);
    // `mailto:` and its like, which nobody is asked at.
    if (host === "" || hostsOf(headers).includes(host) || builtPropagateTo().includes(origin)) return;
    const path = scrub(url.split("?", 1)[0] ?? "");
    warnOnce(
      `a page's request for ${path} is redirected to ${origin}, and its traceparent goes along: where that origin does not allow the header by CORS, the browser fails the request. Have it allowed there and name the origin in the page's propagateTo, or name such paths in its ignoreUrls (docs/browser/fetch.md). Others are not told.`,
      "foreign redirect",
    );
  },
  "a redirect could not be looked at",
);

/** What the router of Next.js cannot follow by `fetch` it opens as a document. Node's own `fetch` tells no site. */
function isOfPage(headers: IncomingHttpHeaders): boolean {
  const { traceparent, rsc } = headers;
  if (traceparent === undefined || rsc !== undefined) return false;
  return headers["sec-fetch-mode"] === "cors" && headers["sec-fetch-site"] !== undefined;
}

/** Of the page, and of the server as it or the proxies before it are called. */
function hostsOf(headers: IncomingHttpHeaders): readonly (string | undefined)[] {
  return [...hostsAsked(headers), hostOf(headers.origin), hostOf(headers.referer)];
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : undefined;
}

import type { Attributes } from "@opentelemetry/api";
import * as names from "@throughline/core/attributes";

const OLD = [names.OLD_HTTP_METHOD, names.OLD_HTTP_STATUS_CODE, names.OLD_HTTP_TARGET, names.OLD_HTTP_URL];

/** Whether there is anything to rename: most of Next.js's spans need no copy of themselves. */
export function hasOldNames(given: Attributes): boolean {
  return OLD.some((name) => given[name] !== undefined);
}

/** The old HTTP attributes under their stable names: https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/ */
export function stableAttributes(given: Attributes): Attributes {
  const {
    [names.OLD_HTTP_METHOD]: method,
    [names.OLD_HTTP_STATUS_CODE]: status,
    [names.OLD_HTTP_TARGET]: target,
    [names.OLD_HTTP_URL]: url,
    ...kept
  } = given;
  const attributes: Attributes = kept;
  if (method !== undefined) attributes[names.HTTP_REQUEST_METHOD] ??= method;
  if (status !== undefined) attributes[names.HTTP_RESPONSE_STATUS_CODE] ??= Number(status);
  if (url !== undefined) attributes[names.URL_FULL] ??= url;
  if (typeof target === "string") {
    const cut = target.indexOf("?");
    attributes[names.URL_PATH] ??= cut < 0 ? target : target.slice(0, cut);
    if (cut >= 0) attributes[names.URL_QUERY] ??= target.slice(cut + 1);
  }
  return attributes;
}

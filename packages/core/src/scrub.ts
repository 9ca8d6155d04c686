import { redactQuery } from "./redact.ts";

/** Without one of these no text holds anything that is looked for. */
const SUSPECT = /[?#@%=:\d]/;
/** A text that is one URL or path as a whole, else each of them in it, from its first slash. */
const URLS = /^((?:\w+:\/)?\/\S*)$|\/[^\s"'`<>()?#]*(?:[?#][^\s"`<>]*)?/g;
const URL_PARTS = /^([^?#]*)(\?[^#]*)?/;
const CREDENTIALS = /\/\/[^/]*@/;
// A stack names a place in a file: `https://shop.test/app.js?v=1:10:5`.
const PLACE = /(?::\d+){1,2}\)?$/;
/** A segment as random as a token: upper and lower case with a digit, or seven digits; words of a title are not. */
const TOKEN = /\/(?:(?=[^/]*\d)(?=[^/]*[a-z])(?=[^/]*[A-Z])|(?=(?:[^/\d]*\d){7}))[\w~=-]{20,}(?=\/|$)/g;
/**
 * E-mail addresses, JSON web tokens, and what follows a name like `password=`, `api_key: ` or `Bearer `. Every repeat
 * that something must follow has a limit: without it, time grows by the square of a long text.
 */
const SECRETS =
  /((?:token|secret|passw\w{0,19}|pwd|api.?key|signature|session.?id|sid|cookie|authorization)["']?[=:] ?["']?|bearer )(?:(?:bearer|basic|\w{1,19}(?= \S{8})) )?[^\s"'&,;]+|[\w.+-]{1,64}(?:@|%40)[\w-]+\.[a-z]{2}[\w.-]*|eyJ[\w-]{8,999}\.[\w.-]+/gi;

/**
 * Takes secrets out of a text: of every URL and path in it the credentials, query values, fragments and segments that
 * look like a token; anywhere e-mail addresses, JSON web tokens and what is named as a secret.
 */
export function scrub(text: string): string {
  return SUSPECT.test(text) ? text.replace(URLS, scrubUrl).replace(SECRETS, "$1REDACTED") : text;
}

function scrubUrl(found: string, whole?: string): string {
  const place = (!whole && PLACE.exec(found)?.[0]) || "";
  const [, path = "", query = ""] = URL_PARTS.exec(found.slice(0, found.length - place.length)) ?? [];
  return path.replace(CREDENTIALS, "//").replace(TOKEN, "/REDACTED") + redactQuery(query) + place;
}

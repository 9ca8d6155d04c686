import { redactQuery } from "./redact.ts";

/** Without one of these no text holds anything that is looked for. */
const SUSPECT = /[?#@%=:\d]|bearer /i;
/** A text that is one URL or path as a whole, else each of them in it, from its first slash. */
const URLS = /^((?:\w+:\/)?\/\S*)$|\/[^\s"'`<>()?#]*(?:[?#][^\s"`<>]*)?/g;
const URL_PARTS = /^([^?#]*)(\?[^#]*)?/;
const CREDENTIALS = /\/\/[^/]*@/;
// A stack names a place in a file: `https://shop.test/app.js?v=1:10:5`. One number behind a query is a value's.
const PLACE = /^[^?#]*(?:\?[^#]*?(?=:\d+:\d))?((?::\d+){1,2}\)?)$/;
/**
 * A segment of which a part is as random as a token: upper and lower case with a digit, or seven digits; words of a title
 * and names of files are not.
 */
const TOKEN =
  /\/(?:[\w~=-]+[.:])*(?:(?=[\w~=-]*\d)(?=[\w~=-]*[a-z])(?=[\w~=-]*[A-Z])|(?=(?:[\w~=-]*?\d){7}))(?:[\w~=-]|%2[BF]|%3D){20,}(?![\w~=@-]|\.\w)/g;
/**
 * E-mail addresses, JSON web tokens, and what follows a name like `password=`, `api_key: ` or `Bearer `, to the end of
 * its quotes; of the headers whose values have parts, all to the end of the line or text. Every repeat that something
 * must follow has a limit: without it, time grows by the square of a long text.
 */
const SECRETS =
  /((?:cookie|authorization)\\?["']?: *(?!\\?["' ])).+|((?:token(?! . in )|secret|passphrase|passw\w{0,19}|pwd|(?:api|access|private|secret).?key|signature|session.?id|sid|cookie|authorization)\\?["']? {0,3}[=:] {0,3}|bearer )(?:(\\?["'])(?:(?!\3)\\*.)+|(?:\w{1,19} (?=\S{8}))?[^\s"'&,;]+)|[\p{L}\w.+-]{1,64}(?:@|%40)(?!\d+\.\d)(?:[\p{L}\w-]{1,63}\.){1,8}\p{L}{2}[\w.-]*|eyJ[\w-]{8,999}\.[\w.-]+/giu;

/**
 * Takes secrets out of a text: of every URL and path in it the credentials, query values, fragments and segments that
 * look like a token; anywhere e-mail addresses, JSON web tokens and what is named as a secret.
 */
export function scrub(text: string): string {
  return SUSPECT.test(text) ? text.replace(URLS, scrubUrl).replace(SECRETS, "$1$2$3REDACTED") : text;
}

/** Words at the end of a name that say that its value is a secret; `session.id` is a name of OpenTelemetry's. */
const SECRET_NAME =
  /(?:^|[^a-z])(?:token|secret|passw(?:or)?d|passphrase|pwd|(?:api|access|private|secret)[^a-z]?key|signature|cookie|authorization)$/;

/** Whether a value is a secret by its name alone: `password`, `accessToken`, `x-api-key`; not `input_tokens`. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase());
}

function scrubUrl(found: string, whole?: string): string {
  const place = (!whole && PLACE.exec(found)?.[1]) || "";
  const [, path = "", query = ""] = URL_PARTS.exec(found.slice(0, found.length - place.length)) ?? [];
  return path.replace(CREDENTIALS, "//").replace(TOKEN, "/REDACTED") + redactQuery(query) + place;
}

import { redactQuery, redactUrl } from "@throughline/core";

const SUSPECT = /[?#@]/;
const URLS = /(?:\w+:\/)?\/[^\s"'`<>()]+/g;
const CREDENTIALS = /\/\/[^/]*@/;
// A stack names a place in a file: `https://shop.test/app.js?v=1:10:5`.
const PLACE = /(?::\d+){1,2}$/;

/** Takes credentials, query values and fragments out of every URL and path in a text. */
export function scrub(text: string): string {
  if (!SUSPECT.test(text)) return text;
  return text.replace(URLS, (found) => {
    if (!SUSPECT.test(found)) return found;
    const place = PLACE.exec(found)?.[0] ?? "";
    const url = found.slice(0, found.length - place.length);
    if (!url.startsWith("/") && URL.canParse(url)) return redactUrl(new URL(url)) + place;
    // A path, or a URL that was cut short.
    const [path = ""] = url.split(/[?#]/, 1);
    return path.replace(CREDENTIALS, "//") + redactQuery(/\?[^#]*/.exec(url)?.[0] ?? "") + place;
  });
}

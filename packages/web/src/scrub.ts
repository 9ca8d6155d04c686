import { redactQuery, redactUrl } from "@throughline/core";

const URLS = /(?:\w+:\/)?\/[^\s"'`<>()]+/g;
// A stack names a place in a file: `https://shop.test/app.js?v=1:10:5`.
const PLACE = /(?::\d+){1,2}$/;

/** Takes credentials, query values and fragments out of every URL and path in a text. */
export function scrub(text: string): string {
  return text.replace(URLS, (found) => {
    if (!/[?#@]/.test(found)) return found;
    const place = PLACE.exec(found)?.[0] ?? "";
    const url = found.slice(0, found.length - place.length);
    if (!url.startsWith("/") && URL.canParse(url)) return redactUrl(new URL(url)) + place;
    const [path = ""] = url.split(/[?#]/, 1);
    return path + redactQuery(/\?[^#]*/.exec(url)?.[0] ?? "") + place;
  });
}

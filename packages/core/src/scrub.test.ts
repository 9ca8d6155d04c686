import { expect, test } from "vitest";
import { isSecretName, scrub } from "./scrub.ts";

test.each([
  ["a text without URLs stays", "cart is empty (3 of 4)", "cart is empty (3 of 4)"],
  [
    "query values go",
    'no "https://shop.test/pay?card=4111&x" here',
    'no "https://shop.test/pay?card=REDACTED&REDACTED" here',
  ],
  ["credentials and fragments go", "https://ada:pw@shop.test/a#token", "https://shop.test/a"],
  ["the query of a path goes", "GET /api/me?email=ada@shop.test failed", "GET /api/me?email=REDACTED failed"],
  ["a URL that was cut short", "Pay https://ada:pw@shop.test:30…", "Pay https://shop.test:30…"],
  ["a parameter without a value", "GET /reset?k3y failed", "GET /reset?REDACTED failed"],
  ["any scheme", "wss://shop.test/live?key=1", "wss://shop.test/live?key=REDACTED"],
  [
    "a place in a file stays",
    "at buy (https://shop.test/app.js?v=8:10:5)",
    "at buy (https://shop.test/app.js?v=REDACTED:10:5)",
  ],
  ["a place without a query stays", "at https://shop.test/app.js:10:5", "at https://shop.test/app.js:10:5"],
  ["a whole URL has no place in a file", "https://shop.test/a?at=10:30", "https://shop.test/a?at=REDACTED"],
  ["a whole URL with a quote in its path", "https://shop.test/it's?k=1", "https://shop.test/it's?k=REDACTED"],
  ["a token of both cases in a path", "/reset/aB3dE5gH7jK9mN1pQ3sT/now", "/reset/REDACTED/now"],
  ["a UUID in a path", "/magic/550e8400-e29b-41d4-a716-446655440000", "/magic/REDACTED"],
  ["a title in a path stays", "/blog/top-10-teas-for-winter-of-2026", "/blog/top-10-teas-for-winter-of-2026"],
  [
    "a file in a path stays",
    "/_next/static/chunks/0A1b2C3d4E5f6G7h8.js",
    "/_next/static/chunks/0A1b2C3d4E5f6G7h8.js",
  ],
  ["an address in a path", "/users/ada%40shop.test/cart", "/users/REDACTED/cart"],
  ["an address in words", "no user ada.l+1@shop.test here", "no user REDACTED here"],
  ["a version is no address", "node_modules/react@19.2.0/index.js", "node_modules/react@19.2.0/index.js"],
  ["a package is no address", "node_modules/@scope/name/a.js", "node_modules/@scope/name/a.js"],
  ["a web token", "bad eyJhbGciOiJIUzI1.eyJzdWIiOiI0In0.abc", "bad REDACTED"],
  ["what is named as a secret", "password=hunter2, api_key: k3y", "password=REDACTED, api_key: REDACTED"],
  ["JSON", '{"token":"t0p","page":2}', '{"token":"REDACTED","page":2}'],
  ["a header", "Authorization: Bearer abc.def", "Authorization: REDACTED"],
  ["a header of another scheme", "authorization: ApiKey 0123456789", "authorization: REDACTED"],
  [
    "a secret that words follow",
    "login: password=hunter2 for user bob",
    "login: password=REDACTED for user bob",
  ],
  ["an id that a word follows", "session_id=98f7 not found", "session_id=REDACTED not found"],
  [
    "what encodeURIComponent leaves as it is",
    "no /search?q=John%20(555-1234) and /find?name=O'Brien1&x=2",
    "no /search?q=REDACTED and /find?name=REDACTED&x=REDACTED",
  ],
  ["a cookie", "Cookie: sid=abc; theme=dark", "Cookie: REDACTED; theme=dark"],
  ["ids of traces and sessions stay", "0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c"],
  ["SQL stays", "select token from users where id = $1", "select token from users where id = $1"],
  ["a selector stays", "main>button#buy", "main>button#buy"],
])("%s", (_, text, scrubbed) => {
  expect(scrub(text)).toBe(scrubbed);
});

test.each(["a", "passw", "eyJ", "x.", "//", ":1"])(
  "a text of %s over and over takes time by its length",
  (part) => {
    const repeated = (characters: number): string => `1${part.repeat(characters / part.length)}`;
    const msOf = (text: string): number => {
      const fromMs = performance.now();
      scrub(text);
      return performance.now() - fromMs;
    };
    msOf(repeated(10_000));
    // By the square it would be a thousand times as long.
    expect(msOf(repeated(320_000))).toBeLessThan(300 * Math.max(msOf(repeated(10_000)), 0.1));
  },
);

test("a name says that its value is a secret by its last word", () => {
  const names = ["password", "userPasswd", "accessToken", "csrf-token", "x-api-key", "API_KEY", "set-cookie"];
  const others = ["input_tokens", "token.type", "session.id", "cookie_banner", "secretary", "monkey"];
  expect(names.filter(isSecretName)).toEqual(names);
  expect(others.filter(isSecretName)).toEqual([]);
});

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
  ["a version before a name is no address", "foo@1.2.3_bar.js", "foo@1.2.3_bar.js"],
  ["a version is no address", "node_modules/react@19.2.0/index.js", "node_modules/react@19.2.0/index.js"],
  ["a package is no address", "node_modules/@scope/name/a.js", "node_modules/@scope/name/a.js"],
  ["a web token", "bad eyJhbGciOiJIUzI1.eyJzdWIiOiI0In0.abc", "bad REDACTED"],
  ["what is named as a secret", "password=hunter2, api_key: k3y", "password=REDACTED, api_key: REDACTED"],
  ["JSON", '{"token":"t0p","page":2}', '{"token":"REDACTED","page":2}'],
  ["a header", "Authorization: Bearer abc.def", "Authorization: REDACTED"],
  ["a token without a digit", "rejected Bearer abcDEFghiJKLmnoPQR", "rejected Bearer REDACTED"],
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
  ["a header of many cookies", "Cookie: theme=dark; auth=9f8e\nHost: a", "Cookie: REDACTED\nHost: a"],
  ["a header in JSON", '{"cookie":"theme=dark; auth=9f8e","page":2}', '{"cookie":"REDACTED","page":2}'],
  ["a header with quotes", 'Authorization: Digest username="ann", response="66"', "Authorization: REDACTED"],
  [
    "a header in JSON with quotes",
    '{"authorization":"Digest a=\\"ann\\", b=1","page":2}',
    '{"authorization":"REDACTED","page":2}',
  ],
  ["a header with an apostrophe", '{"cookie":"it\'s; auth=9f8e","page":2}', '{"cookie":"REDACTED","page":2}'],
  [
    "JSON in JSON",
    '"{\\"cookie\\":\\"theme=dark; auth=9f8e\\",\\"page\\":2}"',
    '"{\\"cookie\\":\\"REDACTED\\",\\"page\\":2}"',
  ],
  ["a scheme before a secret", "token=Token abcdefghij, ok", "token=REDACTED, ok"],
  [
    "a title with an accent stays",
    "/blog/a-very-long-title-about-tea-caf%C3%A9",
    "/blog/a-very-long-title-about-tea-caf%C3%A9",
  ],
  [
    "a folder of pnpm stays",
    "/.pnpm/react-remove-scroll-bar@2.3.8_@types+react@19.2.2/a.js:10:5",
    "/.pnpm/react-remove-scroll-bar@2.3.8_@types+react@19.2.2/a.js:10:5",
  ],
  [
    "a place behind a query stays",
    "at f (https://shop.test/app?v=12:10:5)",
    "at f (https://shop.test/app?v=REDACTED:10:5)",
  ],
  ["a parameter of that name", "cookie=abc&page=2", "cookie=REDACTED&page=2"],
  [
    "digits at the end of a value",
    "no /login.php?otp=sms:483920 and /a?to=tel:491",
    "no /login.php?otp=REDACTED and /a?to=REDACTED",
  ],
  [
    "digits at the end of a fragment",
    "cannot open https://shop.test/#/otp:483920",
    "cannot open https://shop.test/",
  ],
  ["a token that a colon follows", "GET /reset/dGhpc0lzQVRva2VuMTIzNDU2Nzg: 404", "GET /reset/REDACTED: 404"],
  ["a token that ends a sentence", "no [/a/dGhpc0lzQVRva2VuMTIzNDU2Nzg].", "no [/a/REDACTED]."],
  ["a token with padding", "/reset/dGhpc0lzQVRva2VuMTIzNDU2Nzg%3D%3D/now", "/reset/REDACTED/now"],
  ["a token with a parameter", "/reset/dGhpc0lzQVRva2VuMTIzNDU2Nzg;v=1", "/reset/REDACTED;v=1"],
  [
    "a title in another script stays",
    "/blog/%D1%87%D0%B0%D0%B9-12-34-56",
    "/blog/%D1%87%D0%B0%D0%B9-12-34-56",
  ],
  ["addresses of many labels", "li@vip.163.com, ann@mail.x.com", "REDACTED, REDACTED"],
  ["addresses of other scripts", "jörg@example.de ann@müller.de", "REDACTED REDACTED"],
  ["ids of traces and sessions stay", "0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c"],
  ["a value in quotes, whatever it holds", `{"password":"a b,c&d'e"} x`, '{"password":"REDACTED"} x'],
  [
    "a value in quotes in JSON in JSON",
    '{\\"password\\":\\"a b\\",\\"page\\":2}',
    '{\\"password\\":\\"REDACTED\\",\\"page\\":2}',
  ],
  ["spaces around", "password = 'abc', Token:   def", "password = 'REDACTED', Token:   REDACTED"],
  ["a space before the colon", '"refreshToken" : "abc"', '"refreshToken" : "REDACTED"'],
  [
    "keys",
    "secretKey: a, aws_secret_access_key=b, privateKey: 'c d'",
    "secretKey: REDACTED, aws_secret_access_key=REDACTED, privateKey: 'REDACTED'",
  ],
  ["a passphrase", "passphrase: 'a b' ok", "passphrase: 'REDACTED' ok"],
  ["nothing in quotes stays", "no token: '' here", "no token: '' here"],
  ["a secretary stays", "secretary = Bob", "secretary = Bob"],
  ["a token of parts", "/reset/ImFubkBzaG9wLnRlc3Qi.ZxYz12.9sKcS0vN7aLqWx3mZpTt8uRbQ2w", "/reset/REDACTED"],
  [
    "a token of parts with colons",
    "/activate/ImFubiI:1qXbC3:9sKcS0vN7aLqWx3mZpTt8uRbQ2wYh5Kd/",
    "/activate/REDACTED/",
  ],
  ["a token that is encoded", "/reset/aB3%2Fx9Kq7mZpTt8uRb%2BQ2wYh5K%3D", "/reset/REDACTED"],
  [
    "a file of parts stays",
    "/chunks/main.3a8bCd12aaaaaaaaaaa.chunk.js:1:234",
    "/chunks/main.3a8bCd12aaaaaaaaaaa.chunk.js:1:234",
  ],
  [
    "an escape at the end of a title stays",
    "/files/quarterly_report_overview%20Final",
    "/files/quarterly_report_overview%20Final",
  ],
  [
    "methods of Google's stay",
    "/v1beta/models/text-embedding-004:batchEmbedContents",
    "/v1beta/models/text-embedding-004:batchEmbedContents",
  ],
  [
    "names of hosts stay",
    "http://ip-10-0-12-123.internal:4318/v1 http://EXAMPLE1.internal.company/x",
    "http://ip-10-0-12-123.internal:4318/v1 http://EXAMPLE1.internal.company/x",
  ],
  ["a file with a long ending stays", "/Invoices2024Overview.markdown", "/Invoices2024Overview.markdown"],
  [
    "a header whose name alone is quoted",
    "'authorization': Digest username=x, response=abc",
    "'authorization': REDACTED",
  ],
  [
    "a quote in a value in JSON in JSON",
    String.raw`{\"password\":\"a\\\"b c\",\"page\":2}`,
    String.raw`{\"password\":\"REDACTED\",\"page\":2}`,
  ],
  [
    "what cannot be parsed stays",
    "Unexpected token = in JSON, token : in JSON",
    "Unexpected token = in JSON, token : in JSON",
  ],
  ["a host stays", "http://192.168.100.200:8080/x", "http://192.168.100.200:8080/x"],
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
  const names = [
    "password",
    "userPasswd",
    "accessToken",
    "csrf-token",
    "x-api-key",
    "API_KEY",
    "set-cookie",
    "secretKey",
    "private_key",
  ];
  const others = ["input_tokens", "token.type", "session.id", "cookie_banner", "secretary", "monkey"];
  expect(names.filter(isSecretName)).toEqual(names);
  expect(others.filter(isSecretName)).toEqual([]);
});

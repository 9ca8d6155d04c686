import { expect, test } from "vitest";
import { scrub } from "./scrub.ts";

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
])("%s", (_, text, scrubbed) => {
  expect(scrub(text)).toBe(scrubbed);
});

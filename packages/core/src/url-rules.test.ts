import { expect, test } from "vitest";
import { isIgnored, mayPropagate, parseOrigin, type UrlRules } from "./url-rules.ts";

const rules: UrlRules = {
  pageOrigin: "http://localhost:3000",
  propagateTo: ["https://api.example.com"],
  ignoreUrls: ["/api/tl", "https://stats.example.com/"],
};

test.each([
  ["http://localhost:3000/api/orders", true],
  ["https://api.example.com/v1?x=1", true],
  ["https://api.example.com.evil.test/", false],
  ["https://evil.test/?https://api.example.com", false],
  ["https://user:pw@evil.test/#https://api.example.com/", false],
  ["http://api.example.com/", false],
  ["https://api.example.com:8443/", false],
  ["http://localhost:3001/", false],
  ["data:text/plain,hello", false],
  ["blob:http://localhost:3000/1234", false],
])("traceparent to %s: %s", (url, allowed) => {
  expect(mayPropagate(rules, new URL(url))).toBe(allowed);
});

test("a page without an origin propagates to listed origins only", () => {
  expect(mayPropagate({ ...rules, pageOrigin: undefined }, new URL("http://localhost:3000/"))).toBe(false);
});

test("ignored URLs are prefixes, a path means the page's own origin", () => {
  expect(isIgnored(rules, new URL("http://localhost:3000/api/tl/v1/traces"))).toBe(true);
  expect(isIgnored(rules, new URL("http://other.test/api/tl/v1/traces"))).toBe(false);
  expect(isIgnored(rules, new URL("https://stats.example.com/hit"))).toBe(true);
});

test("a list entry must be an exact origin", () => {
  expect(parseOrigin("https://api.example.com/")).toBe("https://api.example.com");
  for (const bad of ["api.example.com", "https://api.example.com/v1", "https://*.example.com", "data:x"]) {
    expect(() => parseOrigin(bad)).toThrow("exact origin");
  }
});

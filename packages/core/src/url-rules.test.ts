import { expect, test } from "vitest";
import {
  isIgnored,
  mayPropagate,
  parseOrigin,
  parseUrlPrefix,
  type UrlRules,
  underPrefix,
} from "./url-rules.ts";

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
  for (const bad of [
    "api.example.com",
    "api.example.com:443",
    "https://api.example.com/v1",
    "https://*.example.com",
    "https://:pw@api.example.com",
    "wss://api.example.com",
    "data:x",
  ]) {
    expect(() => parseOrigin(bad)).toThrow("exact origin");
  }
});

test.each([
  ["https://stats.example.com/hit", "https://stats.example.com", "/hit", true],
  ["https://stats.example.com/hit", "https://stats.example.com", "/hit/1?x", true],
  ["https://stats.example.com/hit", "https://stats.example.com", "/hit?x", true],
  ["https://stats.example.com/hit", "https://stats.example.com", "/hits", false],
  ["https://stats.example.com/hit/", "https://stats.example.com", "/hit/1", true],
  ["https://stats.example.com", "https://stats.example.com", "/anything", true],
  ["https://stats.example.com", "https://stats.example.com.evil.test", "/", false],
  ["https://stats.example.com:443/", "https://stats.example.com", "/", true],
  ["http://stats.example.com/", "https://stats.example.com", "/", false],
  ["/health", "http://10.0.0.1:9000", "/health", true],
  ["/health", "http://10.0.0.1:9000", "/healthy", false],
])("%s holds %s%s: %s", (text, origin, path, held) => {
  expect(underPrefix(parseUrlPrefix(text), origin, path)).toBe(held);
});

test.each([
  "stats.example.com",
  "https://*.example.com",
  "/a?b=c",
  "//evil.test",
  "ftp://x/",
  "https://u@x/",
])("%s is no prefix", (text) => {
  expect(() => parseUrlPrefix(text)).toThrow("expected a URL such as");
});

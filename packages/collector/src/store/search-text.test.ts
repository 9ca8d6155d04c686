import type { SpanRecord } from "@throughline/core";
import { expect, test } from "vitest";
import { spanRecord } from "../../test/span-record.ts";
import { createSearchCache } from "./search-cache.ts";
import { findsWords, lengthOf, searchTextOf, wordsOf } from "./search-text.ts";

const order = [
  spanRecord({ name: "click Buy" }),
  spanRecord({
    name: "pg.query:INSERT shop",
    kind: "client",
    status: { code: "error", message: "canceling statement due to statement timeout" },
    attributes: {
      "db.system.name": "postgresql",
      "db.query.text": "INSERT INTO orders (sku) VALUES ($1)",
      "order.id": 4711,
      "url.full": "http://localhost/items?sku=A1",
      "http.response.status_code": 500,
      "http.response.size": 15003,
    },
  }),
];
const finds = (query: string, spans: readonly SpanRecord[] = order): boolean =>
  findsWords(searchTextOf(spans), wordsOf(query));

test.each([
  "buy",
  "INSERT orders",
  "buy  timeout",
  "postgresql",
  "shop",
  "error",
  "4711",
  "500",
  "http.response.status_code=500",
  "db.system.name=post",
  "B7AD6B71",
  "http://localhost/items?sku=A1",
])("%s finds the order", (query) => {
  expect(finds(query)).toBe(true);
});

test.each([
  ["a word that is missing", "buy stock"],
  ["a part of a number", "1500"],
  ["a part of a number's value", "http.response.status_code=50"],
  ["the end of a key", "status_code=500"],
  ["a short part of a span id", "b7ad"],
])("%s finds nothing", (_, query) => {
  expect(finds(query)).toBe(false);
});

test("a file is found by its name, not by every folder of its address", () => {
  const script = spanRecord({
    name: "resource script",
    attributes: { "url.full": "http://localhost/_next/static/chunks/app-4f2a.js" },
  });
  expect([finds("app-4f2a.js", [script]), finds("static", [script])]).toEqual([true, false]);
});

test("a long value and a trace of many spans take a bounded text, labels first", () => {
  const many = Array.from({ length: 5000 }, (_, at) =>
    spanRecord({ name: `step ${at % 500}`, attributes: { body: `${at}`.padEnd(9000, "x"), at } }),
  );
  const text = searchTextOf(many);
  expect(text.words.length + text.numbers.length).toBeLessThan(70_000);
  expect(findsWords(text, ["step", "499"])).toBe(true);
});

test("the cache asks once for a trace, again when it was forgotten, and keeps no more than fits", () => {
  const asked: string[] = [];
  const size = lengthOf(searchTextOf(order));
  const cache = createSearchCache((traceId) => {
    asked.push(traceId);
    return order;
  }, size);
  const text = cache.of("a");
  expect(cache.of("a")).toBe(text);
  cache.of("b");
  cache.of("b");
  expect(asked).toEqual(["a", "b", "b"]);
  cache.forget("a");
  cache.of("b");
  cache.of("b");
  cache.of("a");
  expect(asked).toEqual(["a", "b", "b", "b", "a"]);
});

test("a short word is no part of an id by chance; the beginning of a trace's id is one", () => {
  const cache = createSearchCache(() => order);
  const traceId = `4bf9${"500".repeat(9)}a`;
  expect(cache.finds(traceId, ["bf9"])).toBe(false);
  expect(cache.finds(traceId, ["4bf"])).toBe(true);
  expect(cache.finds(traceId, ["500500500"])).toBe(true);
});

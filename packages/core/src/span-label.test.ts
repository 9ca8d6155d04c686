import { expect, test } from "vitest";
import { pathOf, queryOf, spanLabel, statusCodeOf } from "./span-label.ts";
import type { Attributes, SpanKind } from "./span-record.ts";

const span = (kind: SpanKind, name: string, attributes: Attributes) => ({ kind, name, attributes });

test("a CLIENT span is called by method and path", () => {
  const fetch = { "http.request.method": "POST", "url.full": "http://localhost:3000/api/orders?a=REDACTED" };
  expect(spanLabel(span("client", "POST", fetch))).toBe("POST /api/orders");
});

test("a SERVER span is called by its route, else its path", () => {
  const route = { "http.request.method": "GET", "http.route": "/orders/[id]", "url.path": "/orders/7" };
  expect(spanLabel(span("server", "GET /orders/[id]", route))).toBe("GET /orders/[id]");
  expect(spanLabel(span("server", "GET", { "http.request.method": "GET", "url.path": "/stock" }))).toBe(
    "GET /stock",
  );
});

test("old HTTP attributes are understood", () => {
  const old = span("server", "GET", {
    "http.method": "GET",
    "http.target": "/a?b=1",
    "http.status_code": 404,
  });
  expect([spanLabel(old), pathOf(old), statusCodeOf(old)]).toEqual(["GET /a", "/a", 404]);
});

test("a database span is called by operation and table", () => {
  const pg = span("client", "pg.query:INSERT shop", {
    "db.system.name": "postgresql",
    "db.query.text": "INSERT INTO orders (sku) VALUES ($1) RETURNING id",
  });
  expect(spanLabel(pg)).toBe("INSERT orders");
  expect(queryOf(pg)).toEqual({ operation: "INSERT", collection: "orders" });
});

test.each([
  ['SELECT "public"."Item"."id" FROM "public"."Item" WHERE 1=1', "SELECT public.Item"],
  ["UPDATE `shop`.`Item` SET `left` = ?", "UPDATE shop.Item"],
  ['SELECT left FROM "Item"', "SELECT Item"],
  ['SELECT * FROM "Übersicht"', "SELECT Übersicht"],
])("a quoted table is called by schema and name: %s", (text, label) => {
  const attributes = { "db.system.name": "postgresql", "db.query.text": text };
  expect(spanLabel(span("client", "prisma:client:db_query", attributes))).toBe(label);
});

test("everything else keeps its name", () => {
  expect(spanLabel(span("internal", "click Buy", {}))).toBe("click Buy");
});

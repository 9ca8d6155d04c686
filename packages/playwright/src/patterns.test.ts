import { expect, test } from "vitest";
import { browserPost, click, insert, outbound, serverPost, spanOf, stock } from "../test-data/order-trace.ts";
import { span } from "./patterns.ts";

test("click matches the label of a click and nothing else", () => {
  expect(span.click("Buy").matches(click)).toBe(true);
  expect(span.click(/^B/).matches(click)).toBe(true);
  expect(span.click("Bu").matches(click)).toBe(false);
  expect(span.click("Buy").matches(browserPost)).toBe(false);
});

test("client and server tell the two halves of one request apart", () => {
  const client = span.client("POST", "/api/orders");
  const server = span.server("POST", "/api/orders");
  expect([client.matches(browserPost), client.matches(serverPost)]).toEqual([true, false]);
  expect([server.matches(browserPost), server.matches(serverPost)]).toEqual([false, true]);
});

test("server matches by route and by path", () => {
  const page = spanOf({
    id: "1",
    service: "shop",
    kind: "server",
    attributes: { "http.request.method": "GET", "http.route": "/orders/[id]", "url.path": "/orders/7" },
  });
  expect(span.server("GET", "/orders/[id]").matches(page)).toBe(true);
  expect(span.server("GET", "/orders/7").matches(page)).toBe(true);
  expect(span.server("get").matches(page)).toBe(true);
  expect(span.server("GET", "/orders").matches(page)).toBe(false);
  expect(span.server("GET", "/stock").matches(stock)).toBe(true);
});

test("the path of a client span is compared without its query", () => {
  expect(span.client("GET", "/stock").matches(outbound)).toBe(true);
});

test("a global RegExp gives the same answer every time", () => {
  const pattern = span.client("GET", /stock/g);
  expect([pattern.matches(outbound), pattern.matches(outbound)]).toEqual([true, true]);
});

test("db matches operation and table, with or without the schema, and no HTTP request", () => {
  expect(span.db("insert", "orders").matches(insert)).toBe(true);
  expect(span.db("INSERT", "public.orders").matches(insert)).toBe(true);
  expect(span.db("INSERT", "other.orders").matches(insert)).toBe(false);
  expect(span.db("INSERT", "order").matches(insert)).toBe(false);
  expect(span.db("SELECT").matches(insert)).toBe(false);
  expect(span.db("GET").matches(outbound)).toBe(false);
});

test("conditions come last, with or without the place before them", () => {
  expect(span.client("GET", { service: "shop" }).matches(outbound)).toBe(true);
  expect(span.client("GET", { service: "web" }).matches(outbound)).toBe(false);
  expect(span.client("GET", "/stock", { service: "web" }).matches(outbound)).toBe(false);
  const created = { attributes: { "http.response.status_code": 201, "url.full": /orders$/ } };
  expect(span.client("POST", created).matches(browserPost)).toBe(true);
  expect(span.client("POST", { attributes: { missing: "x" } }).matches(browserPost)).toBe(false);
});

test("a pattern says what it looks for", () => {
  expect(span.click("Buy").describe).toBe('click "Buy"');
  expect(span.server("POST", "/api/orders").describe).toBe("server POST /api/orders");
  expect(span.db("INSERT", "orders", { service: "shop" }).describe).toBe("db INSERT orders {service shop}");
  expect(span.named(/reserve/, { attributes: { sku: "a" } }).describe).toBe('span /reserve/ {sku="a"}');
});

test.each(["http://shop.test/api/orders", "/api/orders?sku=1"])(
  "%s, which is no path, is refused with the path to write",
  (place) => {
    expect(() => span.client("POST", place)).toThrow(/write span\.client\("POST", "\/api\/orders"\)$/);
    expect(() => span.server("POST", place)).toThrow(/write span\.server\("POST", "\/api\/orders"\)$/);
  },
);

test("a route whose last parameter may be absent is a place of a server", () => {
  const attributes = { "http.request.method": "GET", "http.route": "/orders/:id?", "url.path": "/orders/7" };
  const route = spanOf({ id: "1", service: "shop", kind: "server", attributes });
  expect(span.server("GET", "/orders/:id?").matches(route)).toBe(true);
});

test("an address without a scheme is refused, and its port is not taken for a path", () => {
  for (const builder of ["client", "server"] as const)
    expect(() => span[builder]("GET", "localhost:3000/api")).toThrow(/query; begin the path with "\/"$/);
});

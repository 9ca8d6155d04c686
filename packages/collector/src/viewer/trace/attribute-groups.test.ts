import * as core from "@throughline/core/attributes";
import { expect, test } from "vitest";
import { groupAttributes, printValue, queryTextOf } from "./attribute-groups.ts";
import * as own from "./attribute-names.ts";

test("the viewer's attribute names are core's", () => {
  expect({ ...core }).toMatchObject({ ...own });
});

test("attributes are grouped by subject, names sorted, the query left to its own view", () => {
  const groups = groupAttributes({
    "shop.cart": 3,
    "url.path": "/",
    "http.route": "/",
    "db.query.text": "select 1",
    "server.port": 80,
  });
  expect(groups.map(({ title, entries }) => [title, ...entries.map(([key]) => key)])).toEqual([
    ["HTTP", "http.route", "url.path"],
    ["Network", "server.port"],
    ["Attributes", "shop.cart"],
  ]);
});

test("an attribute called __proto__ is an attribute like any other", () => {
  const attributes = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  expect(groupAttributes(attributes)[0]?.entries).toEqual([["__proto__", "x"]]);
});

test("the query is found under its old name too", () => {
  expect(queryTextOf({ "db.statement": "select 2" })).toBe("select 2");
  expect(queryTextOf({ "db.query.text": "" })).toBeUndefined();
});

test("short lists stay on one line, text stays bare", () => {
  expect(printValue([1, "a", null])).toBe('[1,"a",null]');
  expect(printValue("a b")).toBe("a b");
  expect(printValue({ list: ["x".repeat(70)] })).toContain("\n");
});

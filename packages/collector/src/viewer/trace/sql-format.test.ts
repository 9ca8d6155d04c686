import { expect, test } from "vitest";
import { formatSql, printSql } from "./sql-format.ts";

const format = (sql: string): string => printSql(formatSql(sql));

test("each clause begins a line, conditions are indented", () => {
  expect(
    format(
      "select id, name from products left outer join stock on stock.sku = products.sku where a = 1 and b between 2 and 3 order by id limit 5",
    ),
  ).toBe(
    [
      "select id, name",
      "from products",
      "left outer join stock",
      "on stock.sku = products.sku",
      "where a = 1",
      "  and b between 2 and 3",
      "order by id",
      "limit 5",
    ].join("\n"),
  );
});

test("what stands in parentheses stays on its line", () => {
  expect(format("SELECT * FROM a WHERE id IN (SELECT id FROM b WHERE x = 1)")).toBe(
    "SELECT *\nFROM a\nWHERE id IN (SELECT id FROM b WHERE x = 1)",
  );
});

test("words inside quotes are left alone, doubled quotes too", () => {
  expect(format(`insert into "from where" values ('it''s from  here')`)).toBe(
    `insert into "from where"\nvalues ('it''s from  here')`,
  );
});

test("a line comment never swallows the rest", () => {
  expect(format("select 1 -- from the shop\nfrom t")).toBe("select 1 -- from the shop\nfrom t");
});

test("an open quote, a huge text and nothing at all are survived", () => {
  expect(format("select 'open")).toBe("select 'open");
  expect(format("")).toBe("");
  const huge = `select ${"x, ".repeat(10_000)}`;
  expect(format(huge)).toBe(huge);
});

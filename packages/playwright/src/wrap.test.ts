import { expect, test } from "vitest";
import { printFact, wrap } from "./wrap.ts";

test("no line is wider than it may be, but for a word that is", () => {
  const text =
    "wait for the answer: { timeout: … } as last argument of http://shop.test/a/very/long/path?of=words ends";
  const lines = wrap(text, 30).split("\n");
  expect(lines.filter((line) => line.length > 30)).toEqual(["http://shop.test/a/very/long/path?of=words"]);
  expect(lines.join(" ")).toBe(text);
});

test("what fits stays as it is, double blanks too", () => {
  expect(wrap("Broken:  TL-P02", 15)).toBe("Broken:  TL-P02");
});

test("a quoted command can be copied", () => {
  expect(wrap('start one with "npx throughline-collector" here', 30)).toBe(
    'start one with\n"npx throughline-collector"\nhere',
  );
});

test("the lines of a fact stand below its text", () => {
  expect(printFact("Waited", "412 ms, timed out", 26)).toBe("Waited        412 ms,\n              timed out");
});

import { expect, test } from "vitest";
import { isLong } from "./long-text.ts";

test.each([
  ["six lines", "a\n".repeat(5), false],
  ["seven lines", "a\n".repeat(6), true],
  ["four hundred and eighty characters", "a".repeat(480), false],
  ["a word longer than that", "a".repeat(481), true],
])("%s: long is %s", (_, text, expected) => {
  expect(isLong(text)).toBe(expected);
});

import { expect, test } from "vitest";
import { rowWindow, scrollToShow } from "./row-window.ts";

const view = { scrollTop: 2800, height: 560, rowHeight: 28 };

test("only the rows in sight and a few around them are drawn", () => {
  expect(rowWindow(view, 5000, 8)).toEqual({ first: 92, end: 128 });
});

test("the window ends with the rows", () => {
  expect(rowWindow({ ...view, scrollTop: 0 }, 7, 8)).toEqual({ first: 0, end: 7 });
});

test("a scroll position beyond the last row draws nothing", () => {
  expect(rowWindow({ ...view, scrollTop: 1e6 }, 10, 2)).toEqual({ first: 10, end: 10 });
});

test("a row in sight needs no scrolling", () => {
  expect(scrollToShow(view, 105)).toBe(2800);
});

test("a row above comes to the top, a row below to the bottom", () => {
  expect(scrollToShow(view, 3)).toBe(84);
  expect(scrollToShow(view, 200)).toBe(201 * 28 - 560);
});

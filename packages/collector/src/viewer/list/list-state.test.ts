import { expect, test } from "vitest";
import { MAX_LISTED } from "../collector-api.ts";
import { findTraceId, PAGE_SIZE, parseListState, printListUrl } from "./list-state.ts";

const read = (url: string): ReturnType<typeof parseListState> =>
  parseListState(new URL(url, "http://localhost").searchParams);

test("the list's filters survive the address bar", () => {
  const state = { q: "POST /api & co", service: "shop-web", errors: true, minMs: 500, limit: 400 };
  expect(read(printListUrl(state))).toEqual(state);
});

test("the unfiltered list has the address /", () => {
  expect(printListUrl(read("/"))).toBe("/");
});

test.each(["0", "-5", "1e99", "many"])("a limit of %s becomes the usual one", (limit) => {
  expect(read(`/?limit=${limit}`).limit).toBe(PAGE_SIZE);
});

test.each(["-5", "many", ""])("a least duration of %s becomes none", (minMs) => {
  expect(read(`/?minMs=${minMs}`).minMs).toBe(0);
});

test("no more rows are asked for than the collector lists", () => {
  expect(read("/?limit=1200").limit).toBe(MAX_LISTED);
});

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
test.each([ID, ID.toUpperCase(), `00-${ID}-00f067aa0ba902b7-01`, `http://localhost:4318/trace/${ID}?span=1`])(
  "the trace id is found in %s",
  (text) => {
    expect(findTraceId(text)).toBe(ID);
  },
);

test.each(["POST /api/orders", ID.slice(1), `${ID}0`])("%s holds no trace id", (text) => {
  expect(findTraceId(text)).toBeUndefined();
});

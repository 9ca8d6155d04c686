import { expect, test } from "vitest";
import { parseTraceState, printTraceUrl } from "./trace-state.ts";

const read = (url: string): ReturnType<typeof parseTraceState> =>
  parseTraceState(new URL(url, "http://localhost").searchParams);

test("what a reader chose survives the address bar", () => {
  const state = {
    ...read("/trace/ab"),
    spanId: "00f067aa0ba902b7",
    detailOpen: true,
    query: "db.system.name=mysql & more",
    hideFramework: true,
    zoom: { fromMs: 12.5, toMs: 40 },
  };
  expect(read(printTraceUrl("ab", state))).toEqual(state);
});

test("the first view has the short address", () => {
  expect(printTraceUrl("ab", read("/trace/ab"))).toBe("/trace/ab");
});

test.each(["from=5", "from=9&to=3", "from=x&to=y", "from=-Infinity&to=3"])(
  "a zoom of %s is ignored",
  (search) => {
    expect(read(`/trace/ab?${search}`).zoom).toBeUndefined();
  },
);

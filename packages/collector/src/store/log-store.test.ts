import type { LogLine } from "@throughline/core";
import { expect, test } from "vitest";
import { createLogStore } from "./log-store.ts";

function line(traceId: string, body = "x"): LogLine {
  return {
    traceId,
    spanId: "",
    timeUnixNano: "1",
    severityNumber: 9,
    severityText: "info",
    body,
    service: "shop",
    attributes: {},
  };
}

test("over its bytes it forgets the trace that has been quiet for longest, never the one just written", () => {
  const store = createLogStore({ maxBytes: 1500, maxLinesPerTrace: 10 });
  store.add([line("a"), line("b"), line("a")]);
  store.add([line("c")]);
  expect(["a", "b", "c"].map((traceId) => store.of(traceId).length)).toEqual([2, 0, 1]);
  store.add([line("d", "y".repeat(5000))]);
  expect(["a", "c", "d"].map((traceId) => store.of(traceId).length)).toEqual([0, 0, 1]);
});

test("a trace that logs without end keeps its first lines", () => {
  const store = createLogStore({ maxBytes: 1e6, maxLinesPerTrace: 2 });
  store.add(["1", "2", "3"].map((body) => line("a", body)));
  expect(store.of("a").map(({ body }) => body)).toEqual(["1", "2"]);
});

import { expect, test } from "vitest";
import { printReport, type Report, resultOf } from "./doctor.ts";

type Hops = Report["hops"];

const OK = { name: "the app answers", ok: "" };
const LEFT_OUT = { name: "the page is traced", skipped: "--no-browser" };
const UNSEEN = {
  name: "the collector takes the server's spans",
  unseen: { reason: "the doctor is told nothing", fix: "Start both with the same token" },
};
const FAULT = {
  name: "the server is traced",
  fault: { code: "disabled", message: "tracing is off", fix: "Turn it on" },
} as const;

function lines(...hops: Hops): readonly string[] {
  return printReport(reportOf(hops)).split("\n").slice(0, 2);
}

function reportOf(hops: Hops): Report {
  const fault = hops.flatMap((hop) => ("fault" in hop ? [hop.fault] : []))[0];
  return { url: "http://app.test/", result: resultOf(hops), fault, hops, badValues: [], warnings: [] };
}

test("a step that may be broken and was not looked at is no all-clear: the cure is in the second line", () => {
  expect(resultOf([OK, LEFT_OUT, UNSEEN])).toBe("cannot-tell");
  expect(lines(OK, LEFT_OUT, UNSEEN, UNSEEN)).toEqual([
    "cannot tell: 3 of 4 steps were not looked at: --no-browser; the doctor is told nothing",
    "What to do: Start both with the same token.",
  ]);
});

test("a fault is told before what was not looked at", () => {
  expect(resultOf([UNSEEN, FAULT])).toBe("broken");
  expect(lines(UNSEEN, FAULT)).toEqual(["disabled: tracing is off", "What to do: Turn it on."]);
});

test("what was left out on purpose is told, and is healthy", () => {
  expect(resultOf([OK, LEFT_OUT])).toBe("healthy");
  expect(lines(OK, LEFT_OUT)[0]).toBe(
    "nothing broken was seen at http://app.test/; 1 of 2 steps were not looked at: --no-browser",
  );
  expect(lines(OK)[0]).toBe("healthy: spans of http://app.test/ reach the collector");
});

test("a bad value that breaks nothing is named above the steps, behind the first fault and its cure", () => {
  const badValues = [
    'OTEL_LOG_LEVEL="WARNING": expected one of none; none holds instead, and tracing goes on.',
  ];
  const heads = [[OK], [OK, FAULT]].map((hops) =>
    printReport({ ...reportOf(hops), badValues })
      .split("\n\n")[0]
      ?.split("\n"),
  );
  expect(heads).toEqual([
    ["healthy: spans of http://app.test/ reach the collector", `bad-setting: ${badValues[0]}`],
    ["disabled: tracing is off", "What to do: Turn it on.", `bad-setting: ${badValues[0]}`],
  ]);
});

import { expect, test } from "vitest";
import { readPartialSuccess } from "./read-answer.ts";

test.each(["rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"])("%s are read", (name) => {
  const body = Buffer.from(JSON.stringify({ partialSuccess: { [name]: "3", errorMessage: "too old" } }));
  expect(readPartialSuccess("application/json", body)).toEqual({ rejected: 3, message: "too old" });
});

test("a whole success rejects nothing", () => {
  for (const body of ["{}", '{"partialSuccess":{}}', ""])
    expect(readPartialSuccess("application/json", Buffer.from(body))).toEqual({ rejected: 0, message: "" });
});

import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { recordSpans } from "../../test/record-spans.ts";
import { withSpan } from "../spans/with-span.ts";
import { serverSpan } from "./server-span.ts";

const exporter = recordSpans();

/** A pass of Next.js that ended with this error, where there is one, and what it says of the answer. */
function pass(message: string | undefined, status: number): ReadableSpan {
  withSpan("pass", { kind: SpanKind.SERVER, attributes: { "http.response.status_code": status } }, (span) => {
    if (message === undefined) return;
    span.recordException(new Error(message));
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  });
  return exporter.getFinishedSpans().at(-1) as ReadableSpan;
}

const NO_FALLBACK = "Internal: NoFallbackError";

test.each([
  ["alone", pass(NO_FALLBACK, 404), [], SpanStatusCode.UNSET, []],
  [
    "and the page after it fails",
    pass(NO_FALLBACK, 404),
    [pass("sold out", 500)],
    SpanStatusCode.ERROR,
    ["sold out"],
  ],
  ["and what follows answers 500", pass(NO_FALLBACK, 500), [], SpanStatusCode.ERROR, []],
  ["another error stays", pass("sold out", 500), [], SpanStatusCode.ERROR, ["sold out"]],
] as const)("an address that has no page (%s)", (_, first, passes, code, told) => {
  const { status = first.status, events = first.events } = serverSpan(first, undefined, passes);
  expect(status.code).toBe(code);
  expect(events.map(({ attributes }) => attributes?.["exception.message"])).toEqual(told);
});

import { expect, test } from "vitest";
import { parseTraceparent, printTraceparent } from "./trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test("a valid header is read and printed back", () => {
  const context = parseTraceparent(`00-${TRACE}-${SPAN}-01`);
  expect(context).toEqual({ traceId: TRACE, spanId: SPAN, sampled: true });
  expect(context && printTraceparent(context)).toBe(`00-${TRACE}-${SPAN}-01`);
});

test("flags other than sampled are not written back", () => {
  const context = parseTraceparent(`00-${TRACE}-${SPAN}-02`);
  expect(context && printTraceparent(context)).toBe(`00-${TRACE}-${SPAN}-00`);
});

test("a future version with more fields is read by its first four", () => {
  expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future-brings`)?.spanId).toBe(SPAN);
});

test.each([
  "",
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01-extra`,
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE.slice(1)}-${SPAN}-01`,
])("%j is invalid", (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});

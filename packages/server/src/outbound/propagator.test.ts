import { defaultTextMapGetter, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { markTaken } from "../requests/taken.ts";
import { createPropagator } from "./propagator.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const propagator = createPropagator({
  propagators: ["tracecontext"],
  trust: undefined,
  acceptBaggage: undefined,
  servesNoise: () => false,
});

test("a request's header that is read a second time does not put the caller's span in the place of ours", () => {
  const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
  const server = { traceId: TRACE, spanId: "00000000000000aa", traceFlags: 1 };
  const inside = markTaken(trace.setSpanContext(ROOT_CONTEXT, server), traceparent);
  const read = (header: string) =>
    trace.getSpanContext(propagator.extract(inside, { traceparent: header }, defaultTextMapGetter));
  expect(read(traceparent)).toBe(server);
  expect(read(`00-${TRACE}-b7ad6b7169203332-01`)?.spanId).toBe("b7ad6b7169203332");
});

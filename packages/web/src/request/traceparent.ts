import { printTraceparent } from "@throughline/core";
import { newSpanId, newTraceId } from "../trace/ids.ts";

export const TRACEPARENT = "traceparent";

/** A header that asks for no spans at all: the request belongs to no trace that is kept. */
export function unsampledTraceparent(): string {
  return printTraceparent({ traceId: newTraceId(), spanId: newSpanId(), sampled: false });
}

import {
  type Context,
  context,
  defaultTextMapGetter,
  propagation,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { guarded } from "../guarded.ts";
import { requestOf } from "../tracer/request-context.ts";
import { tellForeignRedirect } from "./foreign-redirect.ts";
import { openServerSpan } from "./node-requests.ts";
import { isOver, onceOver } from "./response-over.ts";
import type { ResponseRecord, ResponseRecords } from "./response-record.ts";
import { appendServerTiming } from "./server-timing.ts";
import { isSilenced } from "./silence.ts";

/**
 * Opens the SERVER span of a request that Next.js's router answers by itself, for which Next.js opens none: a redirect,
 * and what `rewrites` sends on to another server. Returns what makes the context of a call that is about to leave.
 */
export function traceRouterAnswers(tracer: Tracer, records: ResponseRecords): (active: Context) => Context {
  const open = (record: ResponseRecord, active: Context): Context => {
    const { response } = record;
    const parent = propagation.extract(active, response.req.headers, defaultTextMapGetter);
    const span = openServerSpan(tracer, response.req, parent, requestOf(active)?.startMs);
    if (!span.isRecording()) return active;
    appendServerTiming(response, span.spanContext(), Date.now());
    onceOver(response, () => span.end());
    return trace.setSpan(parent, span);
  };
  const isWithout = (record: ResponseRecord, active: Context): boolean =>
    !record.isNoise &&
    record.trace === undefined &&
    !isOver(record.response) &&
    trace.getSpan(active) === undefined &&
    !isSilenced(active);

  records.openBy(
    guarded((record: ResponseRecord, location: string): void => {
      tellForeignRedirect(record.response, location);
      const active = context.active();
      if (isWithout(record, active)) open(record, active);
    }, "a redirect has no span"),
  );
  return (active) => {
    const record = records.current();
    return record && isWithout(record, active) ? open(record, active) : active;
  };
}

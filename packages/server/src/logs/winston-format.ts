import { traceFields } from "./trace-fields.ts";

/** A format of winston, by its shape. */
export interface WinstonFormat {
  transform<Info extends object>(info: Info): Info;
}

/** Adds `trace_id`, `span_id` and `trace_flags` to what winston logs inside a trace: the first in `format.combine`. */
export function winstonTraceFormat(): WinstonFormat {
  return {
    transform: (info) => ("trace_id" in info ? info : Object.assign(info, traceFields())),
  };
}

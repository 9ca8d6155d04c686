import { traceFields } from "./trace-fields.ts";

/** A format of winston, by its shape. */
export interface WinstonFormat {
  transform<Info extends object>(info: Info): Info;
}

const NAMES = ["trace_id", "span_id", "trace_flags"];

/** Adds `trace_id`, `span_id` and `trace_flags` to what winston logs inside a trace: the first in `format.combine`. */
export function winstonTraceFormat(): WinstonFormat {
  return {
    transform(info) {
      // An Error that is logged by itself is the line, and keeps what was written on it the last time.
      if (info instanceof Error) for (const name of NAMES) Reflect.deleteProperty(info, name);
      return "trace_id" in info ? info : Object.assign(info, traceFields());
    },
  };
}

import { Writable } from "node:stream";
import { processState } from "../process-state.ts";
import type { LogLine } from "./log-line.ts";
import { namedSeverity } from "./severity.ts";
import { spanOf } from "./trace-fields.ts";

/** A transport of winston, by its shape. */
export interface WinstonTransport extends Writable {
  /** The least severe level that it takes; every one without it. */
  level?: string;
  log(info: object, next: () => void): void;
}

// winston keeps the level here, where no colour reaches it: https://github.com/winstonjs/triple-beam
const LEVEL = Symbol.for("level");

/** Sends winston's lines to the collector, where logs are exported (`OTEL_LOGS_EXPORTER=otlp`); else it drops them. */
export function winstonOtlpTransport(): WinstonTransport {
  const log = (info: object, next: () => void): void => {
    const { exportLog } = processState();
    if (exportLog) exportLog(lineOf(info as Info));
    next();
  };
  const stream = new Writable({
    objectMode: true,
    write: (info: object, _encoding, next) => log(info, next),
  });
  return Object.assign(stream, { log });
}

interface Info extends Readonly<Record<string, unknown>> {
  readonly [LEVEL]?: unknown;
}

function lineOf(info: Info): LogLine {
  // By entries, which leaves winston's own symbols out.
  const named: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(info));
  const { level, message, stack: _, timestamp, trace_id, span_id, trace_flags, ...attributes } = named;
  // winston may hold lines back until a slow transport has written, so the current span can be another one by now.
  const span = spanOf({ trace_id, span_id, trace_flags });
  return {
    severity: namedSeverity(String(info[LEVEL] ?? level)),
    body: typeof message === "string" ? message : [message],
    attributes,
    ...(span && { span }),
    ...errorOf(named),
  };
}

/** winston puts the stack of an Error that was logged by itself on the line; one beside a message is a field. */
function errorOf({ message, stack, err, error }: Readonly<Record<string, unknown>>): Pick<LogLine, "error"> {
  if (typeof stack === "string") return { error: { message, stack } };
  const beside = [err, error].find((each) => each instanceof Error);
  return beside ? { error: beside } : {};
}

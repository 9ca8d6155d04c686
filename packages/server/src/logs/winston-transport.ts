import { Writable } from "node:stream";
import { processState } from "../process-state.ts";
import type { LogLine } from "./log-line.ts";
import { namedSeverity } from "./severity.ts";
import { spanOf } from "./trace-fields.ts";

/** A transport of winston, by its shape. */
export interface WinstonTransport extends Writable {
  /** The least severe level that it takes; the logger's own without it. */
  level?: string;
  silent?: boolean;
  log(info: object, next: () => void): void;
}

/** What a transport is told of the logger that writes to it. */
interface Logger {
  readonly level?: string;
  readonly levels?: Readonly<Record<string, number>>;
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
  let logger: Logger = {};
  const stream: Writable & { level?: string; silent?: boolean } = new Writable({
    objectMode: true,
    write: (info: Info, _encoding, next) =>
      stream.silent !== true && isTaken(info, stream.level, logger) ? log(info, next) : next(),
  });
  stream.once("pipe", (source) => {
    logger = source as Logger;
  });
  return Object.assign(stream, { log });
}

/** The logger itself leaves nothing out: each transport does. The smaller the number, the more severe. */
function isTaken(info: Info, own: string | undefined, { level = "", levels = {} }: Logger): boolean {
  const [most, its] = [levels[own ?? level], levels[String(info[LEVEL])]];
  return most === undefined || its === undefined || its <= most;
}

interface Info extends Readonly<Record<string, unknown>> {
  readonly [LEVEL]?: unknown;
}

function lineOf(info: Info): LogLine {
  // By entries, which leaves winston's own symbols out.
  const named: Readonly<Record<string, unknown>> = {
    ...Object.fromEntries(Object.entries(info)),
    // An Error that was logged by itself; its own are not among its entries.
    ...(info instanceof Error && { message: info.message, stack: info.stack }),
  };
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

/** A stack begins with the name of its error. */
const TYPE = /^([\w$]+)(?=[:\s]|$)/;

/** winston puts the stack of an Error that was logged by itself on the line; one beside a message is a field. */
function errorOf({ message, stack, err, error }: Readonly<Record<string, unknown>>): Pick<LogLine, "error"> {
  if (typeof stack === "string") return { error: { type: TYPE.exec(stack)?.[1], message, stack } };
  const beside = [err, error].find((each) => each instanceof Error);
  return beside ? { error: beside } : {};
}

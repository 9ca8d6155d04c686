import { processState } from "../process-state.ts";
import { pinoSeverity } from "./severity.ts";
import { spanOf } from "./trace-fields.ts";

/** Where pino can write to, by its shape: a destination, or a stream of `pino.multistream`. */
export interface PinoStream {
  write(line: string): void;
}

/** As the logger has them. */
export interface PinoOtlpOptions {
  /** Default `msg`. */
  readonly messageKey?: string | undefined;
  /** Default `err`. */
  readonly errorKey?: string | undefined;
}

/** Has pino tell a stream the number of each line's level, of which a formatter may have made anything else. */
const METADATA = Symbol.for("pino.metadata");

/** Sends pino's lines to the collector, where logs are exported (`OTEL_LOGS_EXPORTER=otlp`); else it drops them. */
export function pinoOtlpStream({ messageKey = "msg", errorKey = "err" }: PinoOtlpOptions = {}): PinoStream {
  const stream: PinoStream & { lastLevel?: number } = {
    write(text) {
      const { exportLog } = processState();
      if (!exportLog) return;
      const line = parse(text);
      if (!line) return;
      const { level, time, pid, hostname, trace_id, span_id, trace_flags, ...named } = line;
      const { [messageKey]: msg, [errorKey]: err, ...attributes } = named;
      const span = spanOf({ trace_id, span_id, trace_flags });
      const unixMs = unixMsOf(time);
      const { error, rest } = errorOf(err, errorKey);
      const [severity, severityName] = pinoSeverity(stream.lastLevel ?? level);
      exportLog({
        severity: [severity, typeof level === "string" ? level : severityName],
        body: typeof msg === "string" ? msg : "",
        attributes: { ...attributes, ...rest },
        ...(unixMs !== undefined && { unixMs }),
        ...(span && { span }),
        ...(error && { error }),
      });
    },
  };
  return Object.assign(stream, { [METADATA]: true });
}

/** As `pino.stdTimeFunctions` write it: milliseconds, seconds (no log is of the year 5138) or an ISO text. */
function unixMsOf(time: unknown): number | undefined {
  const ms = typeof time === "string" ? Date.parse(time) : time;
  if (typeof ms !== "number" || Number.isNaN(ms)) return undefined;
  return ms < 1e11 ? ms * 1000 : ms;
}

/** What pino's serializer makes of an Error, without what is an attribute of its own: a field of that name may be anything. */
function errorOf(err: unknown, key: string): { readonly error?: object; readonly rest?: object } {
  if (err === undefined) return {};
  if (typeof err !== "object" || err === null || !("stack" in err || "message" in err))
    return { rest: { [key]: err } };
  const { type, name, message, stack, ...more } = err as Readonly<Record<string, unknown>>;
  return {
    error: { type: type ?? name, message, stack },
    ...(Object.keys(more).length > 0 && { rest: { [key]: more } }),
  };
}

/** A line as pino writes it; a transport before us may have made it something else. */
function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === "object" && line !== null ? (line as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

import { processState } from "../process-state.ts";
import { pinoSeverity } from "./severity.ts";
import { spanOf } from "./trace-fields.ts";

/** Where pino can write to, by its shape: a destination, or a stream of `pino.multistream`. */
export interface PinoStream {
  write(line: string): void;
}

/** Sends pino's lines to the collector, where logs are exported (`OTEL_LOGS_EXPORTER=otlp`); else it drops them. */
export function pinoOtlpStream(): PinoStream {
  return {
    write(text) {
      const { exportLog } = processState();
      if (!exportLog) return;
      const line = parse(text);
      if (!line) return;
      const { level, time, msg, err, pid, hostname, trace_id, span_id, trace_flags, ...attributes } = line;
      const span = spanOf({ trace_id, span_id, trace_flags });
      exportLog({
        severity: pinoSeverity(level),
        body: typeof msg === "string" ? msg : "",
        attributes,
        ...(typeof time === "number" && { unixMs: time }),
        ...(span && { span }),
        ...(err !== undefined && { error: err }),
      });
    },
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

// The edge runtime has no node:stream, and no winston: what is left of its transport is a place to write to.
export { type PinoStream, pinoOtlpStream } from "./logs/pino-stream.ts";
export { traceConsole } from "./logs/trace-console.ts";
export { type TraceFields, traceFields } from "./logs/trace-fields.ts";
export { type WinstonFormat, winstonTraceFormat } from "./logs/winston-format.ts";

/** Does nothing in the edge runtime. */
export function winstonOtlpTransport(): { log(info: object, next: () => void): void } {
  return { log: (_info, next) => next() };
}

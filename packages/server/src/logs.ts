export { type PinoStream, pinoOtlpStream } from "./logs/pino-stream.ts";
export { traceConsole } from "./logs/trace-console.ts";
export { type TraceFields, traceFields } from "./logs/trace-fields.ts";
export { type WinstonFormat, winstonTraceFormat } from "./logs/winston-format.ts";
export { type WinstonTransport, winstonOtlpTransport } from "./logs/winston-transport.ts";

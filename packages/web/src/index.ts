export type { RunningInstrument, TracedPage, WebInstrument } from "./instrument.ts";
export type { WebTracingOptions } from "./options.ts";
export { startWebTracing, type WebTracing } from "./start.ts";
export { withSpan } from "./with-span.ts";

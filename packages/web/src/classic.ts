import { createClassicEngine } from "./classic-engine.ts";
import { readWebOptions, type WebTracingOptions } from "./options.ts";
import { startWith, type WebTracing } from "./start.ts";

export type { WebTracingOptions } from "./options.ts";
export type { WebTracing } from "./start.ts";
export { withSpan } from "./with-span.ts";

/**
 * Starts tracing with OpenTelemetry's own provider, fetch instrumentation and zone.js; options, clicks, instruments
 * and transport are those of the default preset. Importing this module loads zone.js.
 */
export function startWebTracing(options: WebTracingOptions = {}): WebTracing {
  return startWith(createClassicEngine, options, readWebOptions);
}

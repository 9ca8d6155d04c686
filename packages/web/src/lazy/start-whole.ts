import type { WebTracingOptions } from "../options.ts";
import { startWebTracing } from "../start.ts";
import type { EarlyWork } from "./early-work.ts";
import type { StartWhole } from "./start-lazily.ts";
import { traceEarlyWork } from "./trace-early-work.ts";

/** Last among the instruments: what they say of the page holds for the early spans too. */
export const startWhole: StartWhole = (options: WebTracingOptions, early: EarlyWork) =>
  startWebTracing({ ...options, instruments: [...(options.instruments ?? []), traceEarlyWork(early)] });

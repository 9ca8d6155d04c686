import type { InteractionOptions } from "./interaction/interactions.ts";
import type { StartWhole } from "./lazy/start-lazily.ts";
import { startWhole as startWith } from "./lazy/start-whole.ts";
import { nextInstruments } from "./next-instruments.ts";
import type { WebTracingOptions } from "./options.ts";

export const startWhole: StartWhole = (options: WebTracingOptions & InteractionOptions, early) =>
  startWith({ ...options, instruments: nextInstruments(options) }, early);

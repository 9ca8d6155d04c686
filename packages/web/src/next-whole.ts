import type { StartWhole } from "./lazy/start-lazily.ts";
import { startWhole as startWith } from "./lazy/start-whole.ts";
import { nextInstruments } from "./next-instruments.ts";
import type { NextOptions } from "./next-options.ts";

export const startWhole: StartWhole = (options: NextOptions, early) =>
  startWith({ ...options, instruments: nextInstruments(options) }, early);

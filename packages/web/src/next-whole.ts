import type { StartWhole } from "./lazy/start-lazily.ts";
import { nextTask, startWhole as startWith } from "./lazy/start-whole.ts";
import { nextInstruments } from "./next-instruments.ts";
import type { NextOptions } from "./next-options.ts";

const start: StartWhole = (options: NextOptions, early) =>
  startWith({ ...options, instruments: nextInstruments(options) }, early);

// A promise, so that the stub need not know of it.
export const startWhole: Promise<StartWhole> = nextTask().then(() => start);

import type { StartWhole } from "./lazy/start-lazily.ts";
import { startWhole as startWith } from "./lazy/start-whole.ts";
import { nextInstruments } from "./next-instruments.ts";

export const startWhole: StartWhole = (options, early) =>
  startWith({ ...options, instruments: nextInstruments() }, early);

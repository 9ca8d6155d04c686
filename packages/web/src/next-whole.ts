import type { StartWhole } from "./lazy/start-lazily.ts";
import { nextTask, startWhole } from "./lazy/start-whole.ts";
import { nextInstruments } from "./next-instruments.ts";
import type { NextOptions } from "./next-options.ts";

const start: StartWhole = (options: NextOptions, early) =>
  startWhole({ ...options, instruments: nextInstruments(options) }, early);

export async function loadWhole(): Promise<StartWhole> {
  await nextTask();
  return start;
}

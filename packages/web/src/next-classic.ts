import { startWebTracing } from "./classic.ts";
import { nextInstruments } from "./next-instruments.ts";
import { readNextOptions } from "./next-options.ts";
import { hydrateLater } from "./page/hydration.ts";

export { onRouterTransitionStart } from "./page/router-transition.ts";

// `withTracing(config, { preset: "classic" })` injects this module in place of `next.ts`.
const options = readNextOptions();
if (options) {
  hydrateLater();
  startWebTracing({ ...options, instruments: nextInstruments(options) });
}

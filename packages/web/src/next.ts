import { createLightEngine } from "./light-engine.ts";
import { nextInstruments } from "./next-instruments.ts";
import { readNextOptions } from "./next-options.ts";
import { readCheckedOptions } from "./options.ts";
import { hydrateLater } from "./page/hydration.ts";
import { startWith } from "./start.ts";

// Next calls this hook of every module it injects, and the user's own beside it.
export { onRouterTransitionStart } from "./page/router-transition.ts";

// `withTracing` has Next run this module before hydration (instrumentationClientInject).
const options = readNextOptions();
if (options) {
  hydrateLater();
  startWith(
    createLightEngine,
    { ...options, instruments: nextInstruments(options) },
    // `withTracing` checked them.
    readCheckedOptions,
  );
}

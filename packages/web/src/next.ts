import { nextInstruments } from "./next-instruments.ts";
import { readNextOptions } from "./next-options.ts";
import { startWebTracing } from "./start.ts";

// Next calls this hook of every module it injects, and the user's own beside it.
export { onRouterTransitionStart } from "./page/router-transition.ts";

// `withTracing` has Next run this module before hydration (instrumentationClientInject).
const options = readNextOptions();
if (options) startWebTracing({ ...options, instruments: nextInstruments(options) });

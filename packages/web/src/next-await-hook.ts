import { awaitHook } from "./context/await-hook.ts";
import { nextInstruments } from "./next-instruments.ts";
import { readNextOptions } from "./next-options.ts";
import { hydrateLater } from "./page/hydration.ts";
import { startWebTracing } from "./start.ts";

export { onRouterTransitionStart } from "./page/router-transition.ts";

// `withTracing(config, { context: "await-hook" })` injects this module in place of `next.ts`, so that nobody else
// loads the hook.
const options = readNextOptions();
if (options) {
  hydrateLater();
  startWebTracing({ ...options, instruments: [awaitHook(), ...nextInstruments(options)] });
}

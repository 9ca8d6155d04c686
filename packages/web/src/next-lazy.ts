import { SAMPLED_TIMING } from "@throughline/core/attributes";
import { startLazily } from "./lazy/start-lazily.ts";
import { readNextOptions } from "./next-options.ts";

export { onRouterTransitionStart } from "./page/router-transition.ts";

// `withTracing` injects this module in place of `next.ts` where not every session is sampled.
const options = readNextOptions();
if (options)
  startLazily(
    options,
    async () => (await import("./next-whole.ts")).loadWhole(),
    // The server has decided by the same share. Firefox tells no timing over plain HTTP.
    () =>
      (performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming)?.serverTiming?.find(
        (entry) => entry.name === SAMPLED_TIMING,
      )?.description,
  );

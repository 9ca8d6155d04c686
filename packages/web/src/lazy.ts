import type { WebInstrument } from "./instrument.ts";
import { startLazily } from "./lazy/start-lazily.ts";
import type { WebTracingOptions } from "./options.ts";
import type { WebTracing } from "./running.ts";

export type { WebTracingOptions } from "./options.ts";
export type { WebTracing } from "./running.ts";

export interface LazyTracingOptions extends Omit<WebTracingOptions, "instruments"> {
  /** As in the default preset, or a function that loads them: `() => import("./instruments.ts")` and what it exports. */
  readonly instruments?: readonly WebInstrument[] | (() => Promise<readonly WebInstrument[]>) | undefined;
}

/**
 * As the default preset, decided for the session: `sampleRatio` is the share of sessions that are traced. In the
 * others only the stub is loaded, and requests carry `traceparent` with the flag "not sampled". Below 3 kB gzip.
 */
export function startWebTracing({ instruments = [], ...options }: LazyTracingOptions = {}): WebTracing {
  return startLazily(options, async () => {
    const [{ nextTask, startWhole }, loaded] = await Promise.all([
      import("./lazy/start-whole.ts"),
      typeof instruments === "function" ? instruments() : instruments,
    ]);
    await nextTask();
    return (asked, early) => startWhole({ ...asked, instruments: loaded }, early);
  });
}

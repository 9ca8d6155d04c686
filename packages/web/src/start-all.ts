import { diag } from "@opentelemetry/api";
import type { RunningInstrument, TracedPage, WebInstrument } from "./instrument.ts";

/** An instrument that fails, or a span that cannot be written, costs neither the app nor the others. */
export function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (problem) {
    diag.warn("@throughline/web: a part failed", problem);
    return undefined;
  }
}

/** Instruments as one. */
export function startAll(
  instruments: readonly WebInstrument[],
  page: TracedPage,
): Required<RunningInstrument> {
  const running: RunningInstrument[] = [];
  const each = (call: (instrument: RunningInstrument) => void): void => {
    for (const instrument of running) attempt(() => call(instrument));
  };
  for (const start of instruments) attempt(() => running.push(start(page)));
  return {
    stop: () => each((instrument) => instrument.stop()),
    cut: (reason) => each((instrument) => instrument.cut?.(reason)),
    settle: () => each((instrument) => instrument.settle?.()),
  };
}

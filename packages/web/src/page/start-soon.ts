import type { RunningInstrument, WebInstrument } from "../instrument.ts";

/** Starts an instrument in a task of its own, at the latest when something is traced. */
export function startSoon(start: WebInstrument): WebInstrument {
  return (page) => {
    let running: RunningInstrument | undefined;
    page.soon(() => {
      running = start(page);
    });
    return {
      stop: () => running?.stop(),
      cut: (reason) => running?.cut?.(reason),
      settle: () => running?.settle?.(),
    };
  };
}

import { diag } from "@opentelemetry/api";
import type { RunningInstrument, WebInstrument } from "../instrument.ts";

/**
 * Starts an instrument once the page has loaded, from a chunk of its own, so that its bytes compete with nothing.
 * For what reads buffered entries and therefore misses nothing by coming late.
 */
export function afterLoad(load: () => Promise<WebInstrument>): WebInstrument {
  return (page) => {
    let running: RunningInstrument | undefined;
    let stopped = false;
    const start = (): void => {
      load().then(
        (instrument) => {
          if (!stopped) running = instrument(page);
        },
        (problem) => diag.warn(`@throughline/web: an instrument could not be loaded: ${String(problem)}`),
      );
    };
    if (document.readyState === "complete") start();
    else window.addEventListener("load", start, { once: true });
    return {
      stop() {
        stopped = true;
        window.removeEventListener("load", start);
        running?.stop();
      },
      cut: (reason) => running?.cut?.(reason),
      settle: () => running?.settle?.(),
    };
  };
}

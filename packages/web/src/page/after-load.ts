import { diag } from "@opentelemetry/api";
import type { RunningInstrument, WebInstrument } from "../instrument.ts";
import { startAll } from "../start-all.ts";

/**
 * Starts instruments once the page has loaded, from a chunk of their own, so that its bytes compete with nothing.
 * For what reads buffered entries, or is needed at the end of a page, and therefore misses nothing by coming late; what
 * does is asked for at once.
 */
export function afterLoad(load: () => Promise<readonly WebInstrument[]>, isAtOnce?: boolean): WebInstrument {
  return (page) => {
    let running: RunningInstrument | undefined;
    let stopped = false;
    const start = (): void => {
      load().then(
        (instruments) => {
          if (!stopped) running = startAll(instruments, page);
        },
        (problem) => diag.warn(`@throughline/web: instruments could not be loaded: ${String(problem)}`),
      );
    };
    if (isAtOnce || document.readyState === "complete") start();
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

/** Runs something after `ms` milliseconds; the result calls that off. */
export type Later = (run: () => void, ms: number) => () => void;

/** The page's own timers as they are now, so that our timers never carry a trace. */
export function createLater(): Later {
  const { setTimeout, clearTimeout } = globalThis;
  return (run, ms) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };
}

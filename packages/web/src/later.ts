/** Runs something after `ms` milliseconds; the result calls that off. */
export type Later = (run: () => void, ms: number) => () => void;

/** The page's own timers as they are now, so that our timers never carry a trace. */
export function createLater({ setTimeout, clearTimeout }: Timers = globalThis): Later {
  return (run, ms) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };
}

type Timers = Pick<typeof globalThis, "setTimeout" | "clearTimeout">;

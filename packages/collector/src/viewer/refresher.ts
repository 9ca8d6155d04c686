/** Runs a fetch on demand: one at a time, the latest wish last, at most one per gap. */
export interface Refresher {
  /** Something changed: run soon. */
  request(): void;
  /** The question changed: drop the running answer and ask again at once. */
  now(): void;
  stop(): void;
}

export function createRefresher(run: (signal: AbortSignal) => Promise<void>, gapMs: number): Refresher {
  let running: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wanted = false;
  let stopped = false;

  const start = async (): Promise<void> => {
    const mine = new AbortController();
    running = mine;
    wanted = false;
    await run(mine.signal).catch(() => undefined);
    if (running !== mine || stopped) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = undefined;
      if (wanted) void start();
    }, gapMs);
  };
  const cancel = (): void => {
    running?.abort();
    running = undefined;
    clearTimeout(timer);
  };
  return {
    request() {
      if (stopped) return;
      if (running) wanted = true;
      else void start();
    },
    now() {
      if (stopped) return;
      cancel();
      void start();
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}

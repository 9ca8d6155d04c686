/** Writes the address bar, at once when it was quiet, else at the end of a gap: browsers refuse floods of writes. */
export interface Address {
  write(url: string): void;
  /** Writes what waits, before the page moves on. */
  flush(): void;
  /** Forgets what waits: the reader went elsewhere. */
  drop(): void;
}

export function createAddress(replace: (url: string) => void, gapMs: number): Address {
  let last: string | undefined;
  let waiting: string | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === undefined) return;
    const url = waiting;
    waiting = undefined;
    if (url === last) return;
    last = url;
    replace(url);
    timer = setTimeout(flush, gapMs);
  }

  return {
    write(url) {
      waiting = url;
      if (timer === undefined) flush();
    },
    flush,
    drop() {
      clearTimeout(timer);
      timer = undefined;
      waiting = undefined;
      last = undefined;
    },
  };
}

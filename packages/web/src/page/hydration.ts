interface Page {
  __next_s?: unknown[];
  /** An older one has no `yield`. */
  readonly scheduler?: { yield(): Promise<void> };
  /** Chromium's: https://developer.mozilla.org/docs/Web/API/Scheduling/isInputPending */
  readonly navigator: { readonly scheduling?: { isInputPending(): boolean } };
}
const page = globalThis as unknown as Page;

/**
 * Has Next.js hydrate in a task of its own: that of our start is long already. App Router waits for what `next/script`
 * notes in this list (`next/dist/client/app-bootstrap.js`), so where the app has scripts of its own it does so anyway.
 * Not where a click waits, which nobody would hear before hydration; only Chromium can tell. No timer: a hidden page,
 * and a test with a clock of its own, would hold it back.
 */
export function hydrateLater(): void {
  const {
    scheduler,
    navigator: { scheduling },
  } = page;
  if (!scheduling?.isInputPending || !scheduler?.yield) return;
  // One that hydration comes after, should Next.js ever load it by itself.
  page.__next_s ??= Object.assign([["", {}]], {
    reduce(this: unknown[], load: never, ready: unknown) {
      // What the app's own `instrumentation-client` has noted since.
      return this.slice(1).reduce(load, scheduling.isInputPending() ? ready : scheduler.yield());
    },
  }) as unknown[];
}

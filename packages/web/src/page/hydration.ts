const page = globalThis as { __next_s?: readonly unknown[] };

/**
 * Has Next.js hydrate in a task of its own: that of our start is long already. App Router waits for what `next/script`
 * notes in this list (`next/dist/client/app-bootstrap.js`), so where the app has scripts of its own it does so anyway.
 */
export function hydrateLater(): void {
  page.__next_s ??= Object.assign([0], { reduce: () => new Promise((done) => setTimeout(done)) });
}

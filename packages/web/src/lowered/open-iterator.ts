import type { Awaiting } from "./awaiting.ts";

export type OpenBy = (iterable: AsyncIterable<unknown> | Iterable<unknown>) => OpenIterator;

export interface OpenIterator {
  next(value: unknown): unknown;
  return?: ((value?: unknown) => unknown) | null;
  throw?: ((error: unknown) => unknown) | null;
}

/**
 * Makes what gives the iterator that `for await` and `yield*` ask: https://tc39.es/ecma262/#sec-createasyncfromsynciterator where the
 * iterable has only the synchronous one.
 *
 * `mend-esbuild.ts` copies its text: it uses nothing from outside.
 */
export function createOpenIterator({ wait }: Awaiting): OpenBy {
  return (iterable) => {
    const open = (iterable as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
    if (open != null) return open.call(iterable);
    const sync = (iterable as Iterable<unknown>)[Symbol.iterator]();
    const { next } = sync;

    const close = () => {
      try {
        sync.return?.();
      } catch {
        // What led here is what the caller is told.
      }
    };
    const ask = (call: () => IteratorResult<unknown>, closes: boolean) =>
      new Promise((answer, fail) => {
        const result = call();
        if (Object(result) !== result) throw new TypeError(`Iterator result ${result} is not an object`);
        const { value, done = false } = result;
        wait(
          value,
          (awaited) => answer({ value: awaited, done }),
          (error) => {
            if (closes && !done) close();
            fail(error);
          },
        );
      });
    return {
      next: (value) => ask(() => next.call(sync, value as undefined), true),
      return: (value) => ask(() => (sync.return ? sync.return(value) : { value, done: true }), false),
      throw: (error) =>
        ask(() => {
          if (sync.throw) return sync.throw(error);
          sync.return?.();
          throw new TypeError("The iterator does not provide a 'throw' method.");
        }, true),
    };
  };
}

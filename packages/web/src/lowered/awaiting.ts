export type Resolve = (value: unknown) => void;

export interface Awaiting {
  /** What `await value` waits for. */
  readonly promiseOf: (value: unknown) => Promise<unknown>;
  /** What becomes of a promise whose function has returned the value. */
  readonly settle: (value: unknown, resolve: Resolve, reject: Resolve) => void;
}

/**
 * Waits as the engine does, but calls the `then` of what is no promise of the engine's in the context of who waits: a
 * query that begins when it is awaited belongs to the code that awaits it. The engine calls it outside of every context:
 * https://tc39.es/ecma262/#sec-newpromiseresolvethenablejob
 *
 * `mend-esbuild.ts` copies its text: it uses nothing from outside.
 */
export function createAwaiting(): Awaiting {
  /** `undefined` where the engine may call it. */
  const thenOf = (value: unknown): unknown => {
    const then: unknown = Object(value) === value ? (value as PromiseLike<unknown>).then : undefined;
    return typeof then === "function" && then !== Promise.prototype.then ? then : undefined;
  };
  // A microtask later, as the engine.
  const call = (then: unknown, value: unknown, resolve: Resolve, reject: Resolve): void => {
    Promise.resolve()
      .then(() => {
        // What it gives back nobody asks.
        Reflect.apply(then as () => unknown, value, [resolve, reject]);
      })
      .then(undefined, reject);
  };
  const settle: Awaiting["settle"] = (value, resolve, reject) => {
    const then = thenOf(value);
    if (then) call(then, value, resolve, reject);
    else resolve(value);
  };
  return {
    settle,
    promiseOf(value) {
      try {
        const then = thenOf(value);
        return then
          ? new Promise((resolve, reject) => call(then, value, resolve, reject))
          : Promise.resolve(value);
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };
}

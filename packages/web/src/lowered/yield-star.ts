import type { OpenIterator } from "./open-iterator.ts";
import type { AwaitClass, Key } from "./protocol.ts";

type Step = IteratorResult<unknown, unknown>;

type Delegate = Iterable<unknown> & Record<Key, (value: unknown) => Step>;

/**
 * Makes what `yield*` runs from the iterator it delegates to: https://tc39.es/ecma262/#sec-generator-function-definitions-runtime-semantics-evaluation
 *
 * `mend-esbuild.ts` copies its text: it uses nothing from outside.
 */
export function createYieldStar(Marker: AwaitClass): (inner: OpenIterator) => Delegate {
  return (inner) => {
    const { next } = inner;
    let use: ((awaited: unknown) => Step) | undefined;

    const wait = (value: unknown, then: (awaited: unknown) => Step, how?: "return"): Step => {
      use = then;
      return { done: false, value: new Marker(value, how) };
    };
    const used = (awaited: unknown, then: (awaited: unknown) => Step): Step => {
      use = undefined;
      return then(awaited);
    };
    const handOn = (awaited: unknown): Step => {
      if (Object(awaited) !== awaited) throw new TypeError(`Iterator result ${awaited} is not an object`);
      const { done, value } = awaited as Step;
      return done ? { done, value } : { done: false, value: new Marker(value, "yield") };
    };
    const refuse = (): Step => {
      throw new TypeError("The iterator does not provide a 'throw' method.");
    };
    return {
      [Symbol.iterator]() {
        return this as unknown as Iterator<unknown>;
      },
      next: (value) => (use ? used(value, use) : wait(next.call(inner, value), handOn)),
      return(value) {
        if (use) return used(value, use);
        if (inner.return != null) return wait(inner.return(value), handOn, "return");
        return wait(value, (awaited) => ({ done: true, value: awaited }), "return");
      },
      throw(error) {
        // The wait itself failed.
        if (use)
          return used(error, () => {
            throw error;
          });
        if (inner.throw != null) return wait(inner.throw(error), handOn);
        return inner.return == null ? refuse() : wait(inner.return(), refuse);
      },
    };
  };
}

import { type Context, type ContextManager, diag, ROOT_CONTEXT } from "@opentelemetry/api";
import type { WebInstrument } from "../instrument.ts";
import type { Method, Stop } from "../patch-method.ts";
import type { StackContextManager } from "./context.ts";

/**
 * Experimental: keeps the context across native `await`, for code that nobody lowers. While a span is active,
 * `promise.constructor === Promise` is false. `await` of something that is no promise cannot be seen.
 */
export function awaitHook(): WebInstrument {
  return ({ manager }) => {
    if (canEnter(manager)) return { stop: hookAwait(manager) };
    diag.warn("@throughline/web: awaitHook() is off: another context manager runs; remove one of the two");
    return { stop: () => undefined };
  };
}

/** A promise that was asked for its constructor, which `await` does just before it asks for `then`. */
interface Asked {
  readonly promise: unknown;
  readonly context: Context;
}

// `await p` takes p as it is when p.constructor is %Promise%, else it calls p.then from a microtask with the
// function that resumes: https://tc39.es/ecma262/#sec-promise-resolve
function hookAwait(manager: StackContextManager): Stop {
  const { prototype } = Promise;
  const { queueMicrotask } = globalThis;
  // A page's own patch of `then` stays below ours.
  const then = Reflect.get(prototype, "then") as Method;
  const resolve = Reflect.get(Promise, "resolve") as Method;
  const undisturbed = createQuiet();
  const plainThen = undisturbed.around(then);
  const plainResolve = undisturbed.around(resolve);
  let asked: Asked | undefined;

  /** The resumed code is the one microtask between ours, so nothing else runs in its context. */
  const resumeIn = (context: Context, resume: unknown): unknown => {
    if (typeof resume !== "function") return resume;
    return (result: unknown): void => {
      let leave: Stop = () => undefined;
      queueMicrotask(() => {
        leave = manager.enter(context);
      });
      resume(result);
      queueMicrotask(() => leave());
    };
  };
  const thenOf = (context: Context): Method =>
    function (...args) {
      // `await` calls it from a microtask of its own; a page that calls it is still in its context.
      const isAwait = manager.active() === ROOT_CONTEXT;
      return Reflect.apply(plainThen, this, isAwait ? args.map((each) => resumeIn(context, each)) : args);
    };
  const stops: readonly Stop[] = [
    replaceByGetter(prototype, "then", (self) => {
      const last = asked;
      asked = undefined;
      return last?.promise === self && last?.context === manager.active() ? thenOf(last.context) : plainThen;
    }),
    replaceByGetter(prototype, "constructor", (self) => {
      const context = manager.active();
      if (undisturbed.isQuiet() || context === ROOT_CONTEXT) return Promise;
      asked = { promise: self, context };
      return Awaited;
    }),
    // It asks for the constructor as well, but nobody waits there: `Promise.resolve(p)` is p.
    replaceByGetter(Promise, "resolve", () => plainResolve),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** What a promise says its constructor is while a span is active; all it makes are plain promises. */
class Awaited extends Promise<unknown> {
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
}

/** Calls in which a promise's constructor is asked for by the engine and not by `await`. */
function createQuiet(): { isQuiet(): boolean; around(method: Method): Method } {
  let quiet = false;
  return {
    isQuiet: () => quiet,
    around: (method) =>
      function (...args) {
        const outer = quiet;
        quiet = true;
        try {
          return Reflect.apply(method, this, args);
        } finally {
          quiet = outer;
        }
      },
  };
}

/** An assignment goes where it would have gone without us: `promise.then = …` stays with that promise. */
function replaceByGetter(owner: object, name: string, read: (self: unknown) => unknown): Stop {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  const get = function (this: unknown): unknown {
    return read(this);
  };
  const set = function (this: object, value: unknown): void {
    Object.defineProperty(this, name, {
      value,
      configurable: true,
      enumerable: this !== owner,
      writable: true,
    });
  };
  Object.defineProperty(owner, name, { get, set, configurable: true, enumerable: false });
  return () => {
    if (own && Object.getOwnPropertyDescriptor(owner, name)?.get === get)
      Object.defineProperty(owner, name, own);
  };
}

function canEnter(manager: ContextManager): manager is StackContextManager {
  return "enter" in manager;
}

import { activeContext, withContext } from "./current-context.ts";
import type { Life } from "./span-life.ts";

/**
 * Ends the span when a promise settles, and gives back what the app gets for it: a plain promise's successor, and
 * anything else itself, because it may be able to do more (`ky.get(url).json()`, a query for `prisma.$transaction`).
 */
export function settle(thenable: PromiseLike<unknown>, life: Life): PromiseLike<unknown> {
  if (isPlainPromise(thenable)) return succeed(thenable, life);
  if (thenable instanceof Promise && thenable.then === Promise.prototype.then) return observe(thenable, life);
  return watchAsking(thenable, life) ? thenable : succeed(thenable, life);
}

/** Names only: Node 20 keeps async context in symbols on the promise. */
function isPlainPromise(thenable: object): boolean {
  return (
    Object.getPrototypeOf(thenable) === Promise.prototype && Object.getOwnPropertyNames(thenable).length === 0
  );
}

function succeed(thenable: PromiseLike<unknown>, { inside, end, fail }: Life): PromiseLike<unknown> {
  const done = (value: unknown): unknown => {
    end();
    return value;
  };
  try {
    return withContext(inside, () => thenable.then(done, fail));
  } catch (error) {
    return fail(error);
  }
}

/** Its work goes on already, so to listen starts nothing; `await` would pass by a `then` of its own. */
function observe(promise: Promise<unknown>, { end, note }: Life): Promise<unknown> {
  try {
    promise.then(end, note);
  } catch {
    // Its class cannot be made by `then`.
    end();
  }
  return promise;
}

/**
 * The query builders of some databases start their work when they are asked for the result: that is left to the app,
 * and happens inside the span. One that is not asked in this turn may never be (`prisma.$transaction` does not), and
 * its span ends. Returns whether the object could be changed.
 */
function watchAsking(thenable: PromiseLike<unknown>, life: Life): boolean {
  let isAsked = false;
  const undo: (() => void)[] = [];
  const over = (): void => {
    for (const step of undo.splice(0)) step();
  };
  const ask = insideOf(life, thenable.then, over);
  const then = function (this: unknown, ...args: unknown[]): unknown {
    isAsked = true;
    return Reflect.apply(ask, this, args);
  };
  const restore = overlay(thenable, "then", then);
  if (!restore) return false;
  undo.push(restore);
  for (const name of ["catch", "finally"] as const) undo.push(...leadToThen(thenable, name));
  // The edge runtime has no setImmediate.
  setTimeout(() => {
    if (!isAsked) life.end();
  }, 0);
  return true;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Step = (settled: unknown) => unknown;

/** `then`, run inside the span and ending it; what it is given runs where it was given. */
function insideOf(life: Life, then: PromiseLike<unknown>["then"], over: () => void): Method {
  return function (done, failed, ...more) {
    const caller = activeContext();
    const after = (tell: Step, handler: unknown, otherwise: Step): Step => {
      return (settled) => {
        tell(settled);
        try {
          return typeof handler === "function"
            ? withContext(caller, () => handler(settled))
            : otherwise(settled);
        } finally {
          over();
        }
      };
    };
    const onDone = after(life.end, done, (value) => value);
    const onFailed = after(life.note, failed, raise);
    try {
      return withContext(life.inside, () => Reflect.apply(then, this, [onDone, onFailed, ...more]));
    } catch (error) {
      return life.fail(error);
    }
  };
}

function raise(error: unknown): never {
  throw error;
}

/** Those of a promise call `then`; one of the object's own may not. With more arguments it is another method. */
function leadToThen(thenable: object, name: "catch" | "finally"): (() => void)[] {
  const original: unknown = Reflect.get(thenable, name);
  if (typeof original !== "function" || original === Promise.prototype[name]) return [];
  const restore = overlay(thenable, name, function (this: unknown, ...args: unknown[]): unknown {
    return Reflect.apply(args.length === 1 ? Promise.prototype[name] : original, this, args);
  });
  return restore ? [restore] : [];
}

/** Puts a method over that of one object. Returns the undoing, or nothing where the object does not take it. */
function overlay(host: object, name: string, method: unknown): (() => void) | undefined {
  const before = Object.getOwnPropertyDescriptor(host, name);
  const enumerable = before?.enumerable ?? false;
  try {
    Object.defineProperty(host, name, { value: method, configurable: true, writable: true, enumerable });
  } catch {
    return undefined;
  }
  // A proxy may answer with what it has always answered.
  if (Reflect.get(host, name) !== method) return undefined;
  return () => {
    if (Reflect.get(host, name) !== method) return;
    if (before) Object.defineProperty(host, name, before);
    else Reflect.deleteProperty(host, name);
  };
}

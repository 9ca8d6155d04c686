import { type Context, type ContextManager, ROOT_CONTEXT } from "@opentelemetry/api";
import { isMethod, type Method, patchMethod, type Stop, stopAll } from "../patch-method.ts";

export interface StackContextManager extends ContextManager {
  /** Makes a context the active one until the result is called: for code that comes back without a call. */
  enter(context: Context): Stop;
}

/** The context of the code that runs now, as a stack: nothing is bound, nothing is patched. */
export function createContextManager(): StackContextManager {
  let current = ROOT_CONTEXT;
  const manager: StackContextManager = {
    active: () => current,
    enter(context) {
      const outer = current;
      current = context;
      return () => {
        current = outer;
      };
    },
    with(context, run, thisArg, ...args) {
      const outer = current;
      current = context;
      try {
        return run.apply(thisArg, args);
      } finally {
        current = outer;
      }
    },
    bind(context, target) {
      if (!isMethod(target)) return target;
      const bound = bindTo(manager, context, target);
      Object.defineProperty(bound, "length", { value: target.length });
      // The API promises the type of what came in; a function of the same parameters is all there is to it.
      return bound as typeof target;
    },
    enable: () => manager,
    disable() {
      current = ROOT_CONTEXT;
      return manager;
    },
  };
  return manager;
}

function bindTo(manager: ContextManager, context: Context, target: Method): Method {
  return function (...args) {
    return manager.with(context, target, this, ...args);
  };
}

export interface AsyncBinding {
  /** Call when a listener joins a target: a port keeps the context in which it got its listener. */
  note(target: EventTarget): void;
  /** The context a target's listeners belong to: an XHR's last `send`, a port's last listener. */
  contextOf(target: EventTarget): Context | undefined;
  stop(): void;
}

// Which parameters of which global are callbacks.
const SCHEDULERS = [
  "setTimeout",
  "setInterval",
  "requestAnimationFrame",
  "requestIdleCallback",
  "queueMicrotask",
] as const;

/**
 * Carries the active context into callbacks: `then`, timers, frames, microtasks, XHR, message ports.
 * Native `await` cannot be seen from here, so app code is expected to have its async functions lowered
 * (`withTracing` does it); then `await` is `then`. Without an active context every patch is a plain call.
 */
export function bindAsync(manager: ContextManager): AsyncBinding {
  const contexts = new WeakMap<EventTarget, Context>();
  const carry = (callback: unknown): unknown => {
    const context = manager.active();
    if (context === ROOT_CONTEXT || !isMethod(callback)) return callback;
    // Without its length, for which no browser asks and which takes ten times as long as all the rest.
    return bindTo(manager, context, callback);
  };
  const stops: readonly Stop[] = [
    patchMethod(
      Promise.prototype,
      "then",
      (then) =>
        function (fulfilled, rejected) {
          return Reflect.apply(then, this, [carry(fulfilled), carry(rejected)]);
        },
    ),
    ...SCHEDULERS.map((name) =>
      patchMethod(
        globalThis,
        name,
        (schedule) =>
          function (callback, ...rest) {
            return Reflect.apply(schedule, this, [carry(callback), ...rest]);
          },
      ),
    ),
    patchMethod(
      XMLHttpRequest.prototype,
      "send",
      (send) =>
        function (...args) {
          // Also the root: a request object that is used again must not keep its last owner.
          if (this instanceof XMLHttpRequest) {
            contexts.set(this, manager.active()).set(this.upload, manager.active());
          }
          return Reflect.apply(send, this, args);
        },
    ),
  ];
  return {
    note(target) {
      if (target instanceof MessagePort) contexts.set(target, manager.active());
    },
    contextOf: (target) => contexts.get(target),
    stop: stopAll(stops),
  };
}

import { AsyncLocalStorage } from "node:async_hooks";
import type { EventEmitter } from "node:events";
import { type Context, type ContextManager, ROOT_CONTEXT, type Span } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { silence } from "./requests/silence.ts";
import { DroppedSpan, NO_SPAN } from "./tracer/dropped-span.ts";
import { RequestContext, type RequestDecision, requestOf } from "./tracer/request-context.ts";

/** The running request, by the same storage as the active context. */
export interface RequestStorage<T> {
  /** From here on, in this request's async resource only, this is the request; `isIgnored`: nothing in it is traced or sent on. */
  enter(value: T, isIgnored: boolean): Context;
  /** The context that `enter` gave, for what a request still runs outside of it. */
  resume(context: Context): void;
  /** The same in the midst of a request, whose context stays the active one. */
  join(value: T): void;
  current(): T | undefined;
  /** Notes what was decided of the running request; nothing in one that is not kept is traced. */
  decide(decision: RequestDecision): void;
  /** What is the active span of the running request outside of all its contexts; `undefined`: none. */
  setSpan(span: Span | undefined): void;
}

export interface ContextStorage<T> {
  readonly manager: ContextManager;
  /** Makes a context the active one for the rest of the running request; OpenTelemetry knows only a callback's length. */
  enter(context: Context): void;
  /** Makes a context the active one in what listens to an emitter. */
  bind(context: Context, emitter: EventEmitter): void;
  readonly requests: RequestStorage<T>;
}

/** The active context and the running request in one AsyncLocalStorage. */
export function createContextStorage<T>(): ContextStorage<T> {
  const storage = new AsyncLocalStorage<Context>();
  const active = (): Context => storage.getStore() ?? ROOT_CONTEXT;
  const request = () => requestOf(storage.getStore());

  function entered(context: Context): Context {
    if (requestOf(context)) return context;
    const running = request();
    return running ? RequestContext.adopt(context, running) : context;
  }

  // Theirs knows how to bind functions and emitters; it asks `with` for all that concerns the storage.
  const manager = Object.assign(new AsyncLocalStorageContextManager(), {
    active,
    with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
      context: Context,
      fn: F,
      thisArg?: ThisParameterType<F>,
      ...args: A
    ): ReturnType<F> {
      const run = thisArg === undefined || thisArg === null ? fn : fn.bind(thisArg);
      return storage.run(entered(context), run, ...args);
    },
    attach(context: Context) {
      const before = storage.getStore();
      storage.enterWith(entered(context));
      // What the storage held, `undefined` too: `enterWith` takes it, its type does not.
      return { dispose: (): void => storage.enterWith(before as Context) };
    },
    disable() {
      storage.disable();
      return manager;
    },
  });
  return {
    manager,
    enter: (context) => storage.enterWith(entered(context)),
    bind: (context, emitter) => void manager.bind(context, emitter),
    requests: {
      enter(value, isIgnored): Context {
        const context = isIgnored
          ? silence(RequestContext.begin(value, NO_SPAN))
          : RequestContext.begin(value, undefined);
        storage.enterWith(context);
        return context;
      },
      resume: (context) => storage.enterWith(context),
      join(value): void {
        const { request: scope } = RequestContext.begin(value, undefined);
        if (scope) storage.enterWith(RequestContext.adopt(active(), scope));
      },
      decide(decision): void {
        const scope = request();
        if (!scope) return;
        scope.decision = decision;
        if (decision.dropped !== undefined) scope.base.drop(decision);
      },
      setSpan(span): void {
        const scope = request();
        if (!scope) return;
        // Who opens the SERVER span outside of the request's context decides anew.
        const isOverruled = scope.base.span === scope.decision?.dropped;
        if (isOverruled || !(scope.base.span instanceof DroppedSpan)) scope.base.span = span;
      },
      // Nothing but these puts a request there.
      current: () => request()?.value as T | undefined,
    },
  };
}

import { diag } from "@opentelemetry/api";

export type Method = (this: unknown, ...args: unknown[]) => unknown;
export type Stop = () => void;

/**
 * Replaces a method and returns how to take that back. When somebody patched the same method after us,
 * their patch stays in place and our layer below it becomes a pass-through.
 */
export function patchMethod(owner: object, name: string, wrap: (original: Method) => Method): Stop {
  const original = Reflect.get(owner, name) as unknown;
  if (!isMethod(original)) return () => undefined;
  const traced = wrap(original);
  let on = true;
  const patched: Method = function (...args) {
    return Reflect.apply(on ? traced : original, this, args);
  };
  Object.defineProperties(patched, { name: { value: original.name }, length: { value: original.length } });
  const restore = define(owner, name, { value: patched, writable: true });
  return () => {
    on = false;
    if (Reflect.get(owner, name) === patched) restore();
  };
}

/** Takes all of it back. */
export function stopAll(stops: readonly Stop[]): Stop {
  return () => {
    for (const stop of stops) stop();
  };
}

export type WrapHandler = (handler: EventListener, target: EventTarget) => EventListener;

/** An event handler property (`onmessage`): what is assigned is wrapped, what is read is the assigned function. */
export function patchHandler(owner: object, name: string, wrap: WrapHandler): Stop {
  const { get, set } = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  if (!get || !set) return () => undefined;
  const assigned = new WeakMap<EventListener, EventListener>();
  function read(this: unknown): unknown {
    const handler: unknown = get?.call(this);
    return isMethod(handler) ? (assigned.get(handler) ?? handler) : handler;
  }
  function write(this: EventTarget, handler: unknown): void {
    if (!isMethod(handler)) {
      set?.call(this, handler);
      return;
    }
    const wrapped = wrap(handler, this);
    assigned.set(wrapped, handler);
    set?.call(this, wrapped);
  }
  const restore = define(owner, name, { get: read, set: write });
  return () => {
    if (Object.getOwnPropertyDescriptor(owner, name)?.get === read) restore();
  };
}

function define(owner: object, name: string, change: PropertyDescriptor): Stop {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  const descriptor = { ...change, configurable: true, enumerable: own?.enumerable ?? true };
  // A page may lock its globals: https://developer.mozilla.org/docs/Web/JavaScript/Reference/Global_Objects/Object/freeze
  if (!Reflect.defineProperty(owner, name, descriptor)) {
    diag.warn(`@throughline/web: ${name} is not traced: a script locked it; load it later`);
    return () => undefined;
  }
  return () => {
    if (own === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, own);
  };
}

export function isMethod(value: unknown): value is Method {
  return typeof value === "function";
}

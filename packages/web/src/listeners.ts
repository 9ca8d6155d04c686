import { type Method, patchHandler, patchMethod, type Stop } from "./patch-method.ts";

export interface ListenerTracing {
  /** Runs a listener, in whatever context it belongs to. */
  readonly run: (event: Event, target: EventTarget, call: () => unknown) => unknown;
  /** Told before a listener joins a target. */
  readonly note: (target: EventTarget) => void;
}

/** A listener of the page; a stopped tracing hands them to the next one, which traces them again. */
export interface Registration {
  readonly target: EventTarget;
  readonly type: string;
  readonly listener: Listener;
  readonly options: unknown;
}

type Listener = EventListener | EventListenerObject;
type Kept = Omit<Registration, "target">;

// A submit follows its click in the same task; forms and server actions start there.
const PAGE_EVENTS: readonly unknown[] = ["click", "submit"];
const XHR_HANDLERS = ["onloadstart", "onprogress", "onabort", "onerror", "onload", "ontimeout", "onloadend"];

/**
 * Wraps listeners of clicks, submits, XHR and message ports. One listener has one wrapper, so the DOM's own
 * rules (no doubles, `once`, `capture`, `signal`, removal) hold unchanged; stopping puts the page's own
 * listeners back in their order.
 */
export function traceListeners(
  tracing: ListenerTracing,
  inherited: readonly Registration[],
): () => readonly Registration[] {
  const wrappers = new WeakMap<Listener, EventListener>();
  const kept = createRegistrations();
  const prototype = EventTarget.prototype;
  const native: { readonly add: Method; readonly remove: Method } = {
    add: Reflect.get(prototype, "addEventListener") as Method,
    remove: Reflect.get(prototype, "removeEventListener") as Method,
  };
  let on = true;

  const run = (event: Event, target: EventTarget, call: () => unknown): unknown =>
    on ? tracing.run(event, target, call) : call();

  function wrapperOf(listener: Listener): EventListener {
    const known = wrappers.get(listener);
    if (known) return known;
    const wrapper = function (this: EventTarget, event: Event): unknown {
      return run(event, this, () =>
        typeof listener === "function" ? listener.call(this, event) : listener.handleEvent(event),
      );
    };
    wrappers.set(listener, wrapper);
    return wrapper;
  }

  function add(original: Method, target: unknown, args: readonly unknown[]): unknown {
    const [type, listener, options, ...rest] = args;
    const owner = target ?? globalThis;
    if (!isListener(listener) || !(owner instanceof EventTarget) || !isTraced(owner, type)) {
      return Reflect.apply(original, target, args);
    }
    tracing.note(owner);
    if (PAGE_EVENTS.includes(type)) kept.add({ target: owner, type: String(type), listener, options });
    return Reflect.apply(original, target, [type, wrapperOf(listener), options, ...rest]);
  }

  function remove(original: Method, target: unknown, args: readonly unknown[]): unknown {
    const [type, listener, options] = args;
    const wrapper = isListener(listener) ? wrappers.get(listener) : undefined;
    if (wrapper && isListener(listener)) {
      kept.forget(target ?? globalThis, type, listener, options);
      Reflect.apply(original, target, [type, wrapper, options]);
    }
    // Also the bare listener: it may have been added before tracing started.
    return Reflect.apply(original, target, args);
  }

  const wrapHandler = (handler: Method, target: unknown): Method => {
    if (target instanceof EventTarget) tracing.note(target);
    return function (...args) {
      const [event] = args;
      const call = () => Reflect.apply(handler, this, args);
      return this instanceof EventTarget && event instanceof Event ? run(event, this, call) : call();
    };
  };

  for (const { target, type, listener, options } of inherited) {
    Reflect.apply(native.remove, target, [type, listener, options]);
    add(native.add, target, [type, listener, options]);
  }
  const stops: readonly Stop[] = [
    patchMethod(prototype, "addEventListener", (original) =>
      method((target, args) => add(original, target, args)),
    ),
    patchMethod(prototype, "removeEventListener", (original) =>
      method((target, args) => remove(original, target, args)),
    ),
    ...XHR_HANDLERS.map((name) => patchHandler(XMLHttpRequestEventTarget.prototype, name, wrapHandler)),
    patchHandler(XMLHttpRequest.prototype, "onreadystatechange", wrapHandler),
    patchHandler(MessagePort.prototype, "onmessage", wrapHandler),
    patchHandler(HTMLElement.prototype, "onclick", wrapHandler),
  ];
  return () => {
    on = false;
    for (const stop of stops) stop();
    const listeners = kept.all();
    for (const { target, type, listener, options } of listeners) {
      Reflect.apply(native.remove, target, [type, wrapperOf(listener), options]);
      Reflect.apply(native.add, target, [type, listener, options]);
    }
    return listeners;
  };
}

/** Which listeners are on the page now, without keeping any target alive. `once` ones go by themselves. */
function createRegistrations() {
  const byTarget = new WeakMap<object, Kept[]>();
  const targets = new Set<WeakRef<EventTarget>>();
  const gone = new FinalizationRegistry<WeakRef<EventTarget>>((ref) => targets.delete(ref));

  const listOf = (target: EventTarget): Kept[] => {
    const known = byTarget.get(target);
    if (known) return known;
    const list: Kept[] = [];
    const ref = new WeakRef(target);
    byTarget.set(target, list);
    targets.add(ref);
    gone.register(target, ref);
    return list;
  };
  return {
    add({ target, ...entry }: Registration): void {
      if (flag(entry.options, "once")) return;
      const list = listOf(target);
      if (indexIn(list, entry) < 0) list.push(entry);
    },
    forget(target: unknown, type: unknown, listener: Listener, options: unknown): void {
      const list = target instanceof EventTarget ? byTarget.get(target) : undefined;
      const index = list ? indexIn(list, { type: String(type), listener, options }) : -1;
      if (index >= 0) list?.splice(index, 1);
    },
    all: (): readonly Registration[] =>
      [...targets].flatMap((ref) => {
        const target = ref.deref();
        return target ? (byTarget.get(target) ?? []).map((entry) => ({ target, ...entry })) : [];
      }),
  };
}

// What makes two registrations the same: https://dom.spec.whatwg.org/#add-an-event-listener
function indexIn(list: readonly Kept[], { type, listener, options }: Kept): number {
  return list.findIndex(
    (entry) =>
      entry.type === type && entry.listener === listener && isCapture(entry.options) === isCapture(options),
  );
}

function isCapture(options: unknown): boolean {
  return typeof options === "object" ? flag(options, "capture") : Boolean(options);
}

function flag(options: unknown, name: "once" | "capture"): boolean {
  return typeof options === "object" && options !== null && Boolean(Reflect.get(options, name));
}

function isTraced(target: EventTarget, type: unknown): boolean {
  return (
    PAGE_EVENTS.includes(type) || target instanceof XMLHttpRequestEventTarget || target instanceof MessagePort
  );
}

function isListener(value: unknown): value is Listener {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}

function method(run: (target: unknown, args: readonly unknown[]) => unknown): Method {
  return function (...args) {
    return run(this, args);
  };
}

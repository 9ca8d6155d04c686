import {
  type Method,
  patchHandler,
  patchMethod,
  type Stop,
  stopAll,
  type WrapHandler,
} from "../patch-method.ts";
import { createRegistrations, type Listener, type Registration } from "./registrations.ts";

export interface ListenerTracing {
  /** Runs a listener, in whatever context it belongs to. */
  readonly run: (event: Event, target: EventTarget, call: () => unknown) => unknown;
  /** Told before a listener joins a target. */
  readonly note: (target: EventTarget) => void;
}

// What a person sets off; forms and server actions start at a submit.
const PAGE_EVENTS: readonly string[] = ["click", "submit", "keydown"];

/**
 * Wraps listeners of clicks, submits, keys, XHR and message ports. One listener has one wrapper, so the DOM's own
 * rules (no doubles, `once`, `capture`, `signal`, removal) hold unchanged. Stopping puts the page's own
 * listeners back in their order and returns them.
 */
export function traceListeners(
  tracing: ListenerTracing,
  inherited: readonly Registration[],
): () => readonly Registration[] {
  const wrapperOf = createWrappers(tracing);
  const page = createRegistrations();
  const { addEventListener, removeEventListener } = EventTarget.prototype;

  /** Covers both methods; what is not ours to trace passes as it is. */
  const cover = (change: (native: Method, registration: Registration) => void) => (native: Method) =>
    function (this: unknown, ...args: unknown[]): unknown {
      const registration = readRegistration(this ?? globalThis, args);
      return registration ? change(native, registration) : Reflect.apply(native, this, args);
    };
  const add = cover((native, registration) => {
    tracing.note(registration.target);
    page.add(registration);
    // Added before the tracing started it is there already, and would run twice.
    call(removeEventListener, registration);
    call(native, registration, wrapperOf(registration));
  });
  const remove = cover((native, registration) => {
    page.forget(registration);
    // The bare listener may have been added before tracing started.
    call(native, registration);
    call(native, registration, wrapperOf(registration));
  });

  for (const registration of inherited) {
    page.add(registration);
    call(removeEventListener, registration);
    call(addEventListener, registration, wrapperOf(registration));
  }
  const restore = stopAll([
    patchMethod(EventTarget.prototype, "addEventListener", add),
    patchMethod(EventTarget.prototype, "removeEventListener", remove),
    ...patchHandlers((handler, target) => {
      tracing.note(target);
      return wrapperOf({ listener: handler });
    }),
  ]);
  return () => {
    restore();
    const listeners = page.all();
    for (const registration of listeners) {
      call(removeEventListener, registration, wrapperOf(registration));
      call(addEventListener, registration);
    }
    return listeners;
  };
}

/** Adds or removes a listener, or what stands in its place. */
function call(
  method: (...args: never[]) => unknown,
  { target, type, listener, options }: Registration,
  instead: Listener = listener,
): void {
  Reflect.apply(method, target, [type, instead, options]);
}

function createWrappers(
  tracing: ListenerTracing,
): (registration: Pick<Registration, "listener">) => EventListener {
  const wrappers = new WeakMap<Listener, EventListener>();
  return ({ listener }) => {
    const known = wrappers.get(listener);
    if (known) return known;
    // Named by its key, which no minifier touches: browsers tell of a slow listener by the name of the outermost.
    const { throughline: wrapper } = {
      throughline(this: EventTarget, event: Event): unknown {
        return tracing.run(event, this, () =>
          typeof listener === "function" ? listener.call(this, event) : listener.handleEvent(event),
        );
      },
    };
    wrappers.set(listener, wrapper);
    return wrapper;
  };
}

function patchHandlers(wrap: WrapHandler): readonly Stop[] {
  const owners = [XMLHttpRequestEventTarget.prototype, XMLHttpRequest.prototype, MessagePort.prototype];
  return [
    ...PAGE_EVENTS.map((type) => patchHandler(HTMLElement.prototype, `on${type}`, wrap)),
    ...owners.flatMap((owner) =>
      Object.keys(owner)
        .filter((name) => name.startsWith("on"))
        .map((name) => patchHandler(owner, name, wrap)),
    ),
  ];
}

/** The arguments of a call that is ours to trace, else undefined. */
function readRegistration(target: unknown, args: readonly unknown[]): Registration | undefined {
  const [name, listener, options] = args;
  const type = String(name);
  // A page that hydrates adds listeners by the hundred, few of them for one of these.
  const isTraced =
    PAGE_EVENTS.includes(type) ||
    target instanceof XMLHttpRequestEventTarget ||
    target instanceof MessagePort;
  return isTraced && isListener(listener) && target instanceof EventTarget
    ? { target, type, listener, options }
    : undefined;
}

function isListener(value: unknown): value is Listener {
  return Object(value) === value;
}

export type Listener = EventListener | EventListenerObject;

/** A listener of the page; a stopped tracing hands them to the next one, which traces them again. */
export interface Registration {
  readonly target: EventTarget;
  readonly type: string;
  readonly listener: Listener;
  readonly options: unknown;
}

export interface Registrations {
  add(registration: Registration): void;
  forget(registration: Registration): void;
  all(): readonly Registration[];
}

type Kept = Omit<Registration, "target">;

/** Which listeners are on the page now, in order, without keeping a target alive; `once` ones go by themselves. */
export function createRegistrations(): Registrations {
  const lists = new WeakMap<EventTarget, Kept[]>();
  const targets = new Set<WeakRef<EventTarget>>();
  const gone = new FinalizationRegistry<WeakRef<EventTarget>>((ref) => targets.delete(ref));

  function listOf(target: EventTarget): Kept[] {
    const known = lists.get(target);
    // What a signal takes off the page goes without a call.
    const list = known?.filter(({ options }) => !Object(options).signal?.aborted) ?? [];
    lists.set(target, list);
    if (known) return list;
    const ref = new WeakRef(target);
    targets.add(ref);
    gone.register(target, ref);
    return list;
  }
  return {
    add({ target, ...kept }) {
      const list = listOf(target);
      if (!Object(kept.options).once && !list.some(sameAs(kept))) list.push(kept);
    },
    forget({ target, ...kept }) {
      const list = listOf(target);
      const index = list.findIndex(sameAs(kept));
      if (index >= 0) list.splice(index, 1);
    },
    all: () =>
      [...targets].flatMap((ref) => {
        const target = ref.deref();
        return target ? listOf(target).map((kept) => ({ target, ...kept })) : [];
      }),
  };
}

// What makes two registrations the same: https://dom.spec.whatwg.org/#add-an-event-listener
function sameAs(one: Kept): (other: Kept) => boolean {
  return (other) =>
    other.type === one.type &&
    other.listener === one.listener &&
    isCapture(other.options) === isCapture(one.options);
}

function isCapture(options: unknown): boolean {
  return Boolean(typeof options === "object" ? Object(options).capture : options);
}

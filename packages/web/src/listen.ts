import type { Stop } from "./patch-method.ts";

/** Adds a listener; the result takes it off again. */
export function listen(
  target: EventTarget,
  type: string,
  listener: (event: Event) => void,
  options?: AddEventListenerOptions | boolean,
): Stop {
  target.addEventListener(type, listener, options);
  return () => target.removeEventListener(type, listener, options);
}

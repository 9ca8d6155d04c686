import { activeContext } from "../spans/current-context.ts";
import { type CallOptions, callOptionsOf, withCallOptions } from "./call-options.ts";

type Fetch = typeof fetch;

/**
 * Lets `fetch(url, { opentelemetry: { ignore: true } })` say how it is traced. The request is seen by undici's channels;
 * all this does is to carry the member there, and the signal, in the context. It is below Next.js's own fetch, which hands on what it
 * does not know, so the data cache and de-duplication see the same call as ever.
 */
export function readFetchOptions(): () => void {
  const original = globalThis.fetch;
  let on = true;
  const reading: Fetch = function (this: unknown, ...args) {
    // What says nothing must not take those of the call whose body it makes.
    const options = on ? (optionsOf(...args) ?? (callOptionsOf(activeContext()) && {})) : undefined;
    const call = () => Reflect.apply(original, this, args);
    return options ? withCallOptions(options, call) : call();
  };
  for (const key of ["name", "length"] as const)
    Object.defineProperty(reading, key, { value: original[key], configurable: true });
  globalThis.fetch = reading;
  return () => {
    on = false;
    // Somebody who patched after us keeps their patch; ours is passed through.
    if (globalThis.fetch === reading) globalThis.fetch = original;
  };
}

/** `undefined` where the call says nothing. */
function optionsOf(...[input, init]: Parameters<Fetch>): CallOptions | undefined {
  const asked = init?.opentelemetry;
  const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
  if (typeof asked !== "object" || asked === null) return signal && { signal };
  return { ...asked, signal };
}

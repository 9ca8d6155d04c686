import { AwaitMarker } from "./await-marker.ts";
import { createAwaiting } from "./awaiting.ts";
import { LoweredGenerator } from "./lowered-generator.ts";
import type { Body } from "./protocol.ts";

const awaiting = createAwaiting();

/** In place of `@swc/helpers/_/_wrap_async_generator`. */
export function _<This, Args extends unknown[]>(
  body: (this: This, ...args: Args) => Body,
): (this: This, ...args: Args) => LoweredGenerator {
  return function (...args) {
    return new LoweredGenerator(body.apply(this, args), AwaitMarker, awaiting);
  };
}

import { createAsyncRunner } from "./async-runner.ts";
import { createAwaiting } from "./awaiting.ts";
import type { Body } from "./protocol.ts";

const run = createAsyncRunner(createAwaiting());

/** In place of `@swc/helpers/_/_async_to_generator`. */
export function _<This, Args extends unknown[]>(
  body: (this: This, ...args: Args) => Body,
): (this: This, ...args: Args) => Promise<unknown> {
  return function (...args) {
    return run(() => body.apply(this, args));
  };
}

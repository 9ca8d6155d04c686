import type { Awaiting } from "./awaiting.ts";
import type { Body, Key } from "./protocol.ts";

/**
 * Makes what runs the body of an async function as compilers lower it: `await x` is `yield x`.
 *
 * `mend-esbuild.ts` copies its text: it uses nothing from outside.
 */
export function createAsyncRunner({ wait, settle }: Awaiting): (start: () => Body) => Promise<unknown> {
  return (start) =>
    new Promise((resolve, reject) => {
      const body = start();
      const step = (key: Exclude<Key, "return">, input: unknown): void => {
        try {
          const { done, value } = body[key](input);
          if (done) settle(value, resolve, reject);
          else wait(value, next, fail);
        } catch (error) {
          reject(error);
        }
      };
      const next = (awaited: unknown): void => step("next", awaited);
      const fail = (error: unknown): void => step("throw", error);
      next(undefined);
    });
}

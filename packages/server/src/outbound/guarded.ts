import { warnOnce } from "../log.ts";

/** A listener of ours in the host's call: what it throws is told once, and the call goes on. */
export function guarded<Arguments extends readonly unknown[]>(
  listener: (...args: Arguments) => void,
): (...args: Arguments) => void {
  return (...args) => {
    try {
      listener(...args);
    } catch (error) {
      warnOnce(
        `a request could not be traced: ${String(error)}. It goes on without its span; please report this.`,
      );
    }
  };
}

import { warnOfFailure } from "./log.ts";

/** Our part of a call of the app's: what it throws is told once, and the call goes on. */
export function guarded<Arguments extends readonly unknown[]>(
  run: (...args: Arguments) => void,
  failed = "a request could not be traced",
): (...args: Arguments) => void {
  return (...args) => {
    try {
      run(...args);
    } catch (error) {
      warnOfFailure(failed, error, "The app goes on without it; please report this");
    }
  };
}

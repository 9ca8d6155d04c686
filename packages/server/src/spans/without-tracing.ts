import { silence } from "../requests/silence.ts";
import { activeContext, withContext } from "./current-context.ts";

/** Runs `fn` without spans and without outbound headers, also after an `await` in it: for a poll, a probe, a secret. */
export function withoutTracing<T>(fn: () => T): T {
  return withContext(silence(activeContext()), fn);
}

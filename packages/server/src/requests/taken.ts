import { type Context, createContextKey } from "@opentelemetry/api";

const TAKEN = createContextKey("throughline.taken");

/** Notes in a request's context that its header has been read, and a SERVER span opened below what it names. */
export function markTaken(context: Context, traceparent: unknown): Context {
  return traceparent === undefined ? context : context.setValue(TAKEN, traceparent);
}

/**
 * Whether this header is the one that made this context. Sentry reads a request's headers once more, inside of it, and
 * would put the caller's span in the place of ours.
 */
export function isTaken(context: Context, traceparent: unknown): boolean {
  return traceparent !== undefined && context.getValue(TAKEN) === traceparent;
}

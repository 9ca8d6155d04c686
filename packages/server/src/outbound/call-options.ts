import { type Attributes, type Context, context, createContextKey } from "@opentelemetry/api";

/** How one request, or all that a function makes, is traced. */
export interface CallOptions {
  /** No span and no header. */
  readonly ignore?: boolean;
  /** `false`: a span, but no header. */
  readonly propagateContext?: boolean;
  /** Instead of the method. */
  readonly spanName?: string;
  readonly attributes?: Attributes;
}

const KEY = createContextKey("throughline call options");

export function callOptionsOf(active: Context): CallOptions | undefined {
  return active.getValue(KEY) as CallOptions | undefined;
}

/** Runs `fn` with these options for every request that starts in it, also after an `await`. */
export function withCallOptions<T>(options: CallOptions, fn: () => T): T {
  return context.with(context.active().setValue(KEY, options), fn);
}

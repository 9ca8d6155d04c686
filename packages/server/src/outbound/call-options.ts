import { type Attributes, type Context, createContextKey } from "@opentelemetry/api";
import { activeContext, withContext } from "../spans/current-context.ts";

/** How one `fetch` is traced. */
export interface FetchTracing {
  /** No span and no header. */
  readonly ignore?: boolean;
  /** `false`: a span, but no header. */
  readonly propagateContext?: boolean;
  /** Instead of the method. */
  readonly spanName?: string;
  readonly attributes?: Attributes;
}

/** What is known of one call where its request leaves. */
export interface CallOptions extends FetchTracing {
  /** The caller's, which knows better than the error whether it was aborted and why. */
  readonly signal?: AbortSignal | undefined;
}

declare global {
  interface RequestInit {
    /** How this request is traced: the member that users of `@vercel/otel` know. */
    opentelemetry?: FetchTracing;
  }
}

const KEY = createContextKey("throughline call options");

export function callOptionsOf(active: Context): CallOptions | undefined {
  return active.getValue(KEY) as CallOptions | undefined;
}

/** Runs `fn` with these options for every request that starts in it. */
export function withCallOptions<T>(options: CallOptions, fn: () => T): T {
  return withContext(activeContext().setValue(KEY, options), fn);
}

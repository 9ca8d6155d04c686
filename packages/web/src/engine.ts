import type { Attributes, ContextManager, TracerProvider } from "@opentelemetry/api";
import type { AsyncBinding } from "./context/context.ts";
import type { Later } from "./later.ts";
import type { WebConfig } from "./options.ts";
import type { FetchTracing, TracedFetch } from "./request/fetch.ts";
import type { TracerOptions } from "./trace/tracer.ts";

export interface ProviderOptions extends TracerOptions {
  readonly resource: Attributes;
}

/** What spans, contexts and requests are made with; everything else is the same for every preset. */
export interface Engine {
  readonly manager: ContextManager;
  /** Whether the API's `propagation` may write headers: not where that would be against the options. */
  readonly mayInject: boolean;
  /** Timers that carry no trace. */
  readonly later: Later;
  /** The page's `fetch` for posts of our own: no span, whoever patched it. */
  readonly untracedFetch: typeof globalThis.fetch;
  readonly createProvider: (options: ProviderOptions) => TracerProvider;
  readonly bindAsync: () => AsyncBinding;
  readonly traceFetch: (tracing: FetchTracing) => TracedFetch;
}

export type CreateEngine = (config: WebConfig) => Engine;

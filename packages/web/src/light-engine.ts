import { ROOT_CONTEXT } from "@opentelemetry/api";
import { bindAsync, createContextManager } from "./context/context.ts";
import type { Engine } from "./engine.ts";
import { createLater } from "./later.ts";
import { traceFetch } from "./request/fetch.ts";
import { suppressTracing } from "./trace/suppression.ts";
import { createTracerProvider } from "./trace/tracer.ts";

/** Everything our own: a stack of contexts, spans of `packages/web/src/trace`, and `fetch` patched once. */
export function createLightEngine(): Engine {
  const manager = createContextManager();
  const { fetch } = globalThis;
  return {
    manager,
    mayInject: true,
    later: createLater(),
    // Whoever wrapped `fetch` before us would make a span of each post, and we a post of each such span.
    untracedFetch: (...args) => manager.with(suppressTracing(ROOT_CONTEXT), () => fetch(...args)),
    createProvider: createTracerProvider,
    bindAsync: () => bindAsync(manager),
    traceFetch,
  };
}

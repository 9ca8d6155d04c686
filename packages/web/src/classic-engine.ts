import { type Attributes, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { ZoneContextManager } from "@opentelemetry/context-zone";
import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import type { Resource } from "@opentelemetry/resources";
import {
  SamplingDecision,
  type Sampler as SdkSampler,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { WebTracerProvider } from "@opentelemetry/sdk-trace-web";
import { redactUrl } from "@throughline/core";
import { URL_FULL } from "@throughline/core/attributes";
import type { CreateEngine, ProviderOptions } from "./engine.ts";
import { createLater } from "./later.ts";
import type { FetchTracing, TracedFetch } from "./request/fetch.ts";
import { parseUrl } from "./request/parse-url.ts";
import type { Sampler } from "./sampler.ts";
import { suppressTracing } from "./trace/suppression.ts";

/** OpenTelemetry's own parts: the SDK's provider, its fetch instrumentation, and zone.js. */
export const createClassicEngine: CreateEngine = ({ propagation }) => {
  const manager = new ZoneContextManager().enable();
  const fetch = native("fetch");
  const setTimeout = native("setTimeout");
  const clearTimeout = native("clearTimeout");
  let provider: WebTracerProvider | undefined;
  return {
    manager,
    // It is how the instrumentation writes the header of every request, and takes a sandboxed page, which has no origin,
    // for one of its address.
    mayInject: propagation !== "off" && origin !== "null",
    later: createLater({ setTimeout, clearTimeout }),
    untracedFetch: (...args) => manager.with(suppressTracing(ROOT_CONTEXT), () => fetch(...args)),
    createProvider(options) {
      provider = createProvider(options);
      return provider;
    },
    // Zones bind by themselves.
    bindAsync: () => ({ note: () => undefined, contextOf: () => undefined, stop: () => undefined }),
    traceFetch: (tracing) => instrumentFetch(tracing, provider),
  };
};

/** The page's function below zone.js, so that what is ours is no task of any zone. */
function native<Name extends "fetch" | "setTimeout" | "clearTimeout">(name: Name): (typeof globalThis)[Name] {
  const patched = globalThis[name];
  // Where zone.js keeps what it replaced; somebody who came after it is not passed over.
  const original: unknown = Reflect.get(patched, "__zone_symbol__OriginalDelegate");
  return typeof original === "function" ? (original as typeof patched) : patched;
}

function createProvider({ resource, sampler, onStart, onEnd }: ProviderOptions): WebTracerProvider {
  const nothing = (): Promise<void> => Promise.resolve();
  const processor: SpanProcessor = {
    onStart(span, parentContext) {
      const url = span.attributes[URL_FULL];
      const parsed = typeof url === "string" ? parseUrl(url, document.baseURI) : undefined;
      if (parsed) span.setAttribute(URL_FULL, redactUrl(parsed));
      onStart(span, parentContext);
    },
    onEnd,
    forceFlush: nothing,
    shutdown: nothing,
  };
  return new WebTracerProvider({
    resource: createResource(resource),
    sampler: sdkSampler(sampler),
    spanProcessors: [processor],
  });
}

/** What is said of every span of this page. Nothing is detected or merged later, so there is nothing to wait for. */
function createResource(attributes: Attributes): Resource {
  const resource: Resource = {
    attributes,
    merge: (other) => (other ? createResource({ ...attributes, ...other.attributes }) : resource),
    getRawAttributes: () => Object.entries(attributes),
  };
  return resource;
}

function sdkSampler(keeps: Sampler): SdkSampler {
  return {
    shouldSample: (parent, traceId) => ({
      decision: keeps(traceId, trace.getSpanContext(parent))
        ? SamplingDecision.RECORD_AND_SAMPLED
        : SamplingDecision.NOT_RECORD,
    }),
    toString: () => "throughline",
  };
}

/** It ends and hands over its spans by itself, so there is nothing to settle or to cut. */
function instrumentFetch({ rules }: FetchTracing, provider: WebTracerProvider | undefined): TracedFetch {
  const { fetch } = globalThis;
  const instrumentation = new FetchInstrumentation({
    ignoreUrls: rules.ignoreUrls.map((url) => startsWith(parseUrl(url, document.baseURI)?.href ?? url)),
    propagateTraceHeaderCorsUrls: rules.propagateTo.map((origin) => startsWith(`${origin}/`)),
  });
  const { fetch: patched } = globalThis;
  if (provider) instrumentation.setTracerProvider(provider);
  return {
    stop() {
      instrumentation.disable();
      // It would stay as a pass-through, one more with each start.
      if (globalThis.fetch === patched) globalThis.fetch = fetch;
    },
    settle: () => undefined,
    cut: () => undefined,
  };
}

function startsWith(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`);
}

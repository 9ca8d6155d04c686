import {
  type Context,
  type ContextManager,
  context,
  propagation,
  ROOT_CONTEXT,
  trace,
} from "@opentelemetry/api";
import { ZoneContextManager } from "@opentelemetry/context-zone";
import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import { type Sampler, SamplingDecision, type SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { WebTracerProvider } from "@opentelemetry/sdk-trace-web";
import { redactUrl } from "@throughline/core";
import { SERVICE_NAME, TEST_CASE_ID, TEST_GLOBAL, URL_FULL } from "@throughline/core/attributes";
import { traceListeners } from "./context/listeners.ts";
import type { Registration } from "./context/registrations.ts";
import { traceInteractions } from "./interaction/interaction.ts";
import { createInteractionLife, type InteractionLife } from "./interaction/interaction-life.ts";
import { createLater } from "./later.ts";
import { readWebOptions, type WebConfig, type WebTracingOptions } from "./options.ts";
import type { Stop } from "./patch-method.ts";
import { createPropagator } from "./propagator.ts";
import { createResource } from "./resource.ts";
import { createSampler } from "./sampler.ts";
import type { WebTracing } from "./start.ts";
import { createTransport, type Transport } from "./transport/transport.ts";
import { TRACER_NAME } from "./with-span.ts";

export type { WebTracingOptions } from "./options.ts";
export type { WebTracing } from "./start.ts";
export { withSpan } from "./with-span.ts";

interface TestHook {
  readonly id: string;
  flush?: (() => Promise<void>) | undefined;
}

/** The same place as the default preset: the later start takes over from the earlier, whichever they are. */
const RUNNING = Symbol.for("throughline.web");
const page = globalThis as {
  [RUNNING]?: (WebTracing & { readonly halt: () => readonly Registration[] }) | undefined;
  [TEST_GLOBAL]?: TestHook | undefined;
};

const NO_TRACING: WebTracing = {
  stop: () => Promise.resolve(),
  flush: () => Promise.resolve(),
  setConsent: () => undefined,
};

/**
 * Starts tracing with OpenTelemetry's own provider, fetch instrumentation and zone.js, with the options, clicks and
 * transport of the default preset; `instruments` are not started. Importing this module loads zone.js.
 */
export function startWebTracing(options: WebTracingOptions = {}): WebTracing {
  if (!("document" in globalThis)) return NO_TRACING;
  const config = readConfig(options);
  const inherited = page[RUNNING]?.halt() ?? [];
  if (!config) return NO_TRACING;
  const running = run(config, inherited);
  page[RUNNING] = running;
  return { stop: running.stop, flush: running.flush, setConsent: running.setConsent };
}

function readConfig(options: WebTracingOptions): WebConfig | undefined {
  try {
    return readWebOptions(options, document.baseURI);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    // biome-ignore lint/suspicious/noConsole: a bad option has to be seen where the developer looks first
    console.warn(`@throughline/web/classic: tracing is off. ${problem}`);
    return undefined;
  }
}

function run(config: WebConfig, inherited: readonly Registration[]) {
  const test = page[TEST_GLOBAL];
  const later = createLater();
  const life = createInteractionLife(later);
  const resource = {
    ...config.resourceAttributes,
    [SERVICE_NAME]: config.serviceName,
    ...(test && { [TEST_CASE_ID]: test.id }),
  };
  const transport = createTransport({ url: config.endpoint, resource, fetch: globalThis.fetch, later });
  const manager = new ZoneContextManager();
  const provider = new WebTracerProvider({
    resource: createResource(resource),
    sampler: sdkSampler(test ? 1 : config.sampleRatio),
    spanProcessors: [processorOf(life, transport)],
  });
  provider.register({
    contextManager: manager,
    // The instrumentation writes the header wherever a propagator is registered.
    propagator: config.propagation === "off" ? null : createPropagator(),
  });
  const requests = instrumentFetch(config, provider);
  const interactions = traceInteractions(provider.getTracer(TRACER_NAME), life, later);
  const stopListeners = traceListeners(
    {
      note: () => undefined,
      run: (event, _target, call) => runIn(manager, interactions.contextOf(event), call),
    },
    inherited,
  );

  function flush(): Promise<void> {
    life.settle();
    return transport.flush();
  }
  const stopPage = watchPage(life, transport);
  if (test) test.flush = flush;

  function halt(): readonly Registration[] {
    if (page[RUNNING] !== running) return [];
    page[RUNNING] = undefined;
    life.cut("stop")();
    stopPage();
    if (test) test.flush = undefined;
    interactions.stop();
    requests.disable();
    for (const api of [trace, context, propagation]) api.disable();
    transport.hide();
    return stopListeners();
  }
  const running = {
    halt,
    flush,
    setConsent: () => undefined,
    stop() {
      halt();
      return transport.flush();
    },
  };
  return running;
}

/** An event that code dispatches belongs to that code. */
function runIn<T>(manager: ContextManager, owner: Context | undefined, call: () => T): T {
  return owner && manager.active() === ROOT_CONTEXT ? manager.with(owner, call) : call();
}

function instrumentFetch(config: WebConfig, provider: WebTracerProvider): FetchInstrumentation {
  const instrumentation = new FetchInstrumentation({
    ignoreUrls: [...config.ignoreUrls, config.endpoint].map((url) =>
      startsWith(new URL(url, document.baseURI).href),
    ),
    propagateTraceHeaderCorsUrls: config.propagateTo.map((origin) => startsWith(`${origin}/`)),
  });
  instrumentation.setTracerProvider(provider);
  return instrumentation;
}

function startsWith(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`);
}

function sdkSampler(ratio: number): Sampler {
  const keeps = createSampler(ratio);
  return {
    shouldSample: (parent, traceId) => ({
      decision: keeps(traceId, trace.getSpanContext(parent))
        ? SamplingDecision.RECORD_AND_SAMPLED
        : SamplingDecision.NOT_RECORD,
    }),
    toString: () => String(ratio),
  };
}

function processorOf(life: InteractionLife, transport: Transport): SpanProcessor {
  return {
    onStart(span, parentContext) {
      const url = span.attributes[URL_FULL];
      if (typeof url === "string") span.setAttribute(URL_FULL, redactUrl(new URL(url, document.baseURI)));
      life.onStart(span, parentContext);
    },
    onEnd(span) {
      life.onEnd(span);
      transport.onEnd(span);
    },
    forceFlush: transport.flush,
    shutdown: transport.flush,
  };
}

function watchPage(life: InteractionLife, transport: Transport): Stop {
  const onVisibility = (): void => {
    if (document.visibilityState !== "hidden") return;
    life.settle();
    transport.hide();
  };
  const onLeave = (): void => {
    life.cut("pagehide")();
    transport.hide();
  };
  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("pagehide", onLeave);
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    window.removeEventListener("pagehide", onLeave);
  };
}

import { type Attributes, context, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import { SERVICE_NAME, TEST_CASE_ID, TEST_GLOBAL } from "@throughline/core/attributes";
import { bindAsync, createContextManager } from "./context.ts";
import { traceFetch } from "./fetch.ts";
import { createInteractions } from "./interaction.ts";
import { createLater } from "./later.ts";
import { type Registration, traceListeners } from "./listeners.ts";
import { readWebOptions, type WebConfig, type WebTracingOptions } from "./options.ts";
import type { Stop } from "./patch-method.ts";
import { createPropagator } from "./propagator.ts";
import { createResource } from "./resource.ts";
import { createTransport } from "./transport.ts";
import { TRACER_NAME } from "./with-span.ts";

export interface WebTracing {
  /** Leaves the page as it was and delivers what is left. */
  stop(): Promise<void>;
  /** Resolves when everything that has ended was answered by the endpoint, or given up. */
  flush(): Promise<void>;
}

/** What the Playwright fixture puts into the page, and what it gets back. */
interface TestHook {
  readonly id: string;
  flush?: (() => Promise<void>) | undefined;
  flushUrl?: string | undefined;
}

interface Running extends WebTracing {
  /** Takes every patch off and gives the page's listeners to whoever starts next. */
  readonly halt: () => readonly Registration[];
}

/** In the page, not in the module: a hot reload brings a second copy of this module. */
const RUNNING = Symbol.for("throughline.web");
const page = globalThis as { [RUNNING]?: Running | undefined; [TEST_GLOBAL]?: TestHook | undefined };

const NO_TRACING: WebTracing = { stop: () => Promise.resolve(), flush: () => Promise.resolve() };

/**
 * Starts tracing clicks and `fetch` in this page; a second start takes the place of the first. A bad option
 * is told once on the console and nothing is traced. Without a window (server rendering) it does nothing.
 */
export function startWebTracing(options: WebTracingOptions = {}): WebTracing {
  if (!("document" in globalThis)) return NO_TRACING;
  const config = readConfig(options);
  const inherited = page[RUNNING]?.halt() ?? [];
  if (!config) return NO_TRACING;
  const running = run(config, page[TEST_GLOBAL], inherited);
  page[RUNNING] = running;
  return { stop: running.stop, flush: running.flush };
}

function readConfig(options: WebTracingOptions): WebConfig | undefined {
  try {
    return readWebOptions(options, document.baseURI);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    // biome-ignore lint/suspicious/noConsole: a bad option has to be seen where the developer looks first
    console.warn(`@throughline/web: tracing is off. ${problem}`);
    return undefined;
  }
}

function run(config: WebConfig, test: TestHook | undefined, inherited: readonly Registration[]): Running {
  const later = createLater();
  const resource = resourceOf(config, test);
  const transport = createTransport({ url: config.endpoint, resource, fetch: globalThis.fetch, later });
  const interactions = createInteractions(later);
  const provider = new BasicTracerProvider({
    resource: createResource(resource),
    sampler: test
      ? new AlwaysOnSampler()
      : new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.sampleRatio) }),
    spanProcessors: [interactions.processor, transport.processor],
  });
  const tracer = provider.getTracer(TRACER_NAME);
  const manager = createContextManager();
  const leaveApi = joinApi(provider, manager);

  const binding = bindAsync(manager);
  const stopClicks = interactions.listen(tracer);
  const stopListeners = traceListeners(
    {
      note: binding.note,
      run(event, target, call) {
        // An event that code dispatches belongs to that code.
        const own = manager.active() === ROOT_CONTEXT;
        const wanted = own ? (interactions.contextOf(event) ?? binding.contextOf(target)) : undefined;
        return wanted ? manager.with(wanted, call) : call();
      },
    },
    inherited,
  );
  const fetching = traceFetch({
    tracer,
    manager,
    rules: {
      pageOrigin: location.origin,
      propagateTo: config.propagateTo,
      ignoreUrls: [...config.ignoreUrls, config.endpoint],
    },
    propagation: config.propagation,
    inferParent: interactions.only,
    later,
  });

  function settle(): void {
    fetching.settle();
    interactions.settle();
  }
  function cut(reason: string): void {
    const endInteractions = interactions.cut(reason);
    fetching.cut(reason);
    endInteractions();
  }
  const stopPage = watchPage({
    hidden() {
      settle();
      transport.hide();
    },
    leaving() {
      cut("pagehide");
      transport.hide();
    },
  });
  const flush = (): Promise<void> => {
    settle();
    return transport.flush();
  };
  const leaveTest = joinTest(test, flush, config.endpoint);

  function halt(): readonly Registration[] {
    if (page[RUNNING]?.halt !== halt) return [];
    page[RUNNING] = undefined;
    cut("stop");
    fetching.stop();
    const listeners = stopListeners();
    stopClicks();
    binding.stop();
    stopPage();
    leaveTest();
    leaveApi();
    transport.hide();
    return listeners;
  }
  return {
    halt,
    flush,
    stop() {
      halt();
      return transport.flush();
    },
  };
}

function resourceOf(config: WebConfig, test: TestHook | undefined): Attributes {
  return {
    ...config.resourceAttributes,
    [SERVICE_NAME]: config.serviceName,
    ...(test && { [TEST_CASE_ID]: test.id }),
  };
}

/** Makes the user's own `trace.getTracer` and `context.with` part of the same traces. */
function joinApi(provider: BasicTracerProvider, manager: ReturnType<typeof createContextManager>): Stop {
  const tracing = trace.setGlobalTracerProvider(provider);
  const contexts = context.setGlobalContextManager(manager);
  const headers = propagation.setGlobalPropagator(createPropagator());
  return () => {
    if (tracing) trace.disable();
    if (contexts) context.disable();
    if (headers) propagation.disable();
  };
}

/** The page may be gone after either: https://developer.chrome.com/docs/web-platform/page-lifecycle-api */
function watchPage(on: { readonly hidden: () => void; readonly leaving: () => void }): Stop {
  const onVisibility = (): void => {
    if (document.visibilityState === "hidden") on.hidden();
  };
  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("pagehide", on.leaving);
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    window.removeEventListener("pagehide", on.leaving);
  };
}

function joinTest(test: TestHook | undefined, flush: () => Promise<void>, endpoint: string): Stop {
  if (!test) return () => undefined;
  const traces = "/v1/traces";
  const own = new URL(endpoint).origin === location.origin && endpoint.endsWith(traces);
  test.flush = flush;
  test.flushUrl = own ? `${endpoint.slice(0, -traces.length)}/flush` : undefined;
  return () => {
    test.flush = undefined;
    test.flushUrl = undefined;
  };
}

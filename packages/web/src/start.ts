import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  type Span,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { SERVICE_NAME, TEST_CASE_ID, TEST_GLOBAL } from "@throughline/core/attributes";
import { traceListeners } from "./context/listeners.ts";
import type { Registration } from "./context/registrations.ts";
import type { CreateEngine, Engine } from "./engine.ts";
import { type ConsentedRun, type ConsentGate, setConsent, traceUnderConsent } from "./identity/consent.ts";
import { holdUntilGranted } from "./identity/held-spans.ts";
import { USER, userDoor } from "./identity/user-door.ts";
import type { PropagationMode, ReadSpan, RequestClaim, TracedPage } from "./instrument.ts";
import { type EventContexts, traceClicks } from "./interaction/clicks.ts";
import { createInteractionLife, type InteractionLife } from "./interaction/interaction-life.ts";
import { joinPropagator } from "./join-propagator.ts";
import type { Later } from "./later.ts";
import { createLightEngine } from "./light-engine.ts";
import { listen } from "./listen.ts";
import { type ReadOptions, readWebOptions, type WebConfig, type WebTracingOptions } from "./options.ts";
import { addPageView, type PageView } from "./page/page-views.ts";
import type { Stop } from "./patch-method.ts";
import { createPropagator } from "./propagator.ts";
import { NO_TRACING, page, RUNNING, type Running, type TestHook, type WebTracing } from "./running.ts";
import { createSampler } from "./sampler.ts";
import { attempt, startAll } from "./start-all.ts";
import type { SpanWatch } from "./trace/tracer.ts";
import { createTransport, type Outbox, type Transport } from "./transport/transport.ts";
import { TRACER_NAME } from "./with-span.ts";

export type { WebTracing } from "./running.ts";

/** What a page fetches as it shows belongs to what showed it: effects run after the paint that follows the commit. */
const EFFECTS_MS = 100;

/**
 * Starts tracing clicks and `fetch` in this page; a second start takes the place of the first. A bad option
 * is told once on the console and nothing is traced. Without a window (server rendering) it does nothing.
 */
export function startWebTracing(options: WebTracingOptions = {}): WebTracing {
  return startWith(createLightEngine, options, readWebOptions);
}

/** The start-up of every preset. */
export function startWith(
  createEngine: CreateEngine,
  options: WebTracingOptions,
  read: ReadOptions,
): WebTracing {
  if (!("document" in globalThis)) return NO_TRACING;
  const config = readConfig(options, read);
  const inherited = page[RUNNING]?.halt() ?? [];
  if (!config) return NO_TRACING;
  const test = page[TEST_GLOBAL];
  const consented = traceUnderConsent(
    config.consent,
    (consent, left: readonly Registration[]) =>
      run({ engine: createEngine(config), config, test, inherited: left, consent }),
    inherited,
  );
  const running: Running = {
    halt() {
      if (page[RUNNING] !== running) return [];
      page[RUNNING] = undefined;
      return consented.halt();
    },
    flush: consented.flush,
    stop() {
      if (page[RUNNING] === running) consented.forget();
      running.halt();
      return consented.flush();
    },
    setConsent,
  };
  page[RUNNING] = running;
  return running;
}

function readConfig(options: WebTracingOptions, read: ReadOptions): WebConfig | undefined {
  try {
    return read(options, document.baseURI);
  } catch (error) {
    // biome-ignore lint/suspicious/noConsole: a bad option has to be seen where the developer looks first
    console.warn(`@throughline/web: tracing is off. ${(error as Error).message}`);
    return undefined;
  }
}

interface Run {
  readonly engine: Engine;
  readonly config: WebConfig;
  readonly test: TestHook | undefined;
  readonly inherited: readonly Registration[];
  readonly consent: ConsentGate;
}

function run(options: Run): ConsentedRun<readonly Registration[]> {
  const { engine, config, test, consent } = options;
  const { manager, later } = engine;
  const resource = {
    ...config.resourceAttributes,
    [SERVICE_NAME]: config.serviceName,
    ...(test && { [TEST_CASE_ID]: test.id }),
  };
  // What is still waiting for another try when consent is denied.
  const fetch: typeof globalThis.fetch = (...args) =>
    consent.isGranted ? engine.untracedFetch(...args) : Promise.reject("denied");
  const transport = createTransport({ url: config.endpoint, resource, fetch, later });
  const life = createInteractionLife(later);
  const pageState: PageState = {
    waiting: [],
    attributes: {},
    readers: [],
    claim: () => undefined,
  };
  const provider = engine.createProvider({
    resource,
    sampler: createSampler(test ? 1 : config.sampleRatio),
    ...watchSpans({ life, transport, pageState, consent }),
  });
  const leaveApi = joinApi(engine, provider, consent);
  const tracer = provider.getTracer(TRACER_NAME);
  // The page may be gone after this or the next: https://developer.chrome.com/docs/web-platform/page-lifecycle-api
  // Before the instruments, which listen too: Chromium has open requests fail after the first listener.
  const stopLeaving = listen(window, "pagehide", () => {
    traced.cut("pagehide");
    transport.hide();
  });
  const traced = tracePage({ ...options, tracer, manager, life, later, pageState, outbox: transport });

  const flush = (): Promise<void> => {
    traced.settle();
    return transport.flush();
  };
  const stopHidden = listen(document, "visibilitychange", () => {
    if (document.visibilityState !== "hidden") return;
    traced.settle();
    transport.hide();
  });
  if (test) Object.assign(test, { flush, endpoint: config.endpoint });

  return {
    flush,
    halt() {
      traced.cut("stop");
      stopHidden();
      stopLeaving();
      if (test) test.flush = undefined;
      leaveApi();
      transport.hide();
      return traced.stop();
    },
  };
}

/** What instruments say of the page as a whole. */
interface PageState {
  /** What instruments do in a task of their own, unless it is needed earlier. */
  readonly waiting: (() => void)[];
  attributes: Attributes;
  readonly readers: ReadSpan[];
  context?: Context | undefined;
  /** The page load or navigation that began last; it may have ended. */
  latest?: Span | undefined;
  claim: RequestClaim;
}

/** Whoever reads the page's state has what still waits done first. */
function upToDate(pageState: PageState): PageState {
  for (const run of pageState.waiting.splice(0)) run();
  return pageState;
}

interface PageTracing {
  readonly engine: Engine;
  readonly pageState: PageState;
  readonly config: WebConfig;
  readonly tracer: Tracer;
  readonly manager: ContextManager;
  readonly life: InteractionLife;
  readonly later: Later;
  readonly inherited: readonly Registration[];
  readonly outbox: Outbox;
  readonly consent: ConsentGate;
}

/** Every instrument, in the order in which the page must meet them. */
function tracePage({ engine, inherited, ...parts }: PageTracing) {
  const { config, tracer, manager, life, later, pageState, consent } = parts;
  const events = traceClicks(tracer, life, later);
  const binding = engine.bindAsync();
  const stopListeners = traceListeners(
    {
      note: binding.note,
      run(event, target, call) {
        // An event that code dispatches belongs to that code.
        const isOwn = manager.active() === ROOT_CONTEXT;
        const context = isOwn ? (events.contextOf(event) ?? binding.contextOf(target)) : undefined;
        return context ? manager.with(context, call) : call();
      },
    },
    inherited,
  );
  const rules = {
    // Not that of `location`: a sandboxed page has none, and the header would be its request's preflight.
    pageOrigin: origin,
    propagateTo: config.propagateTo,
    ignoreUrls: [...config.ignoreUrls, config.endpoint],
  };
  const propagation = (): PropagationMode => (consent.isGranted ? config.propagation : "consent");
  const inferParent = (): Context | undefined => life.only() ?? upToDate(pageState).context;
  const claim: RequestClaim = (request, active) => attempt(() => pageState.claim(request, active));
  const requests = engine.traceFetch({ ...parts, rules, propagation, inferParent, claim });
  const traced = tracedPageOf({ ...parts, events, inferParent, propagation });
  const instruments = startAll(config.instruments, traced);
  return {
    settle(): void {
      requests.settle();
      instruments.settle();
      life.settle();
    },
    cut(reason: string): void {
      upToDate(pageState);
      const endInteractions = life.cut(reason);
      requests.cut(reason);
      instruments.cut(reason);
      endInteractions();
    },
    stop(): readonly Registration[] {
      instruments.stop();
      requests.stop();
      binding.stop();
      events.stop();
      return stopListeners();
    },
  };
}

interface TracedPageParts extends Omit<PageTracing, "engine" | "inherited"> {
  readonly events: EventContexts;
  readonly inferParent: () => Context | undefined;
  readonly propagation: () => PropagationMode;
}

function tracedPageOf({ pageState, ...parts }: TracedPageParts): TracedPage {
  const pageViews: PageView[] = [];
  /** Of page loads and navigations that have not ended. */
  let open: Context[] = [];
  return {
    ...parts,
    pageViews,
    setPageAttributes(attributes) {
      pageState.attributes = { ...pageState.attributes, ...attributes };
      pageState.latest?.setAttributes(attributes);
    },
    describeSpans(read) {
      pageState.readers.push(read);
    },
    soon(run) {
      pageState.waiting.push(() => attempt(run));
      // Each in a task of its own: the one in which a page starts is long already.
      parts.later(() => pageState.waiting.shift()?.(), 0);
    },
    setPageContext(context) {
      if (!context) {
        parts.later(() => {
          // What has begun meanwhile has its own end, and a page that still loads has the rest.
          open = open.filter((each) => trace.getSpan(each)?.isRecording());
          pageState.context = open.at(-1);
        }, EFFECTS_MS);
        return;
      }
      open.push(context);
      pageState.context = context;
      pageState.latest = trace.getSpan(context);
      addPageView(pageViews, context);
    },
    claimRequests(claim) {
      pageState.claim = claim;
    },
  };
}

interface SpanReaders {
  readonly life: InteractionLife;
  readonly transport: Transport;
  readonly pageState: PageState;
  readonly consent: ConsentGate;
}

function watchSpans({ life, transport, pageState, consent }: SpanReaders): SpanWatch {
  const send = holdUntilGranted(consent, transport.onEnd);
  return {
    onStart(span, parentContext) {
      upToDate(pageState);
      span.setAttributes({ ...pageState.attributes, ...userDoor[USER] });
      for (const read of pageState.readers) attempt(() => span.setAttributes(read(span, parentContext)));
      life.onStart(span, parentContext);
    },
    onEnd(span) {
      life.onEnd(span);
      send(span);
    },
  };
}

/** Makes the user's own `trace.getTracer` and `context.with` part of the same traces. */
function joinApi({ manager, mayInject }: Engine, provider: TracerProvider, consent: ConsentGate): Stop {
  const tracing = trace.setGlobalTracerProvider(provider);
  const contexts = context.setGlobalContextManager(manager);
  const leavePropagation = joinPropagator(createPropagator(() => mayInject && consent.isGranted));
  return () => {
    if (tracing) trace.disable();
    if (contexts) context.disable();
    leavePropagation();
  };
}

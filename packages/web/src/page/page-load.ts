import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import {
  ENDED_BY,
  HTTP_RESPONSE_BODY_SIZE,
  HTTP_RESPONSE_SIZE,
  HTTP_RESPONSE_STATUS_CODE,
  NAVIGATION_TYPE,
  URL_FULL,
  URL_PATH,
} from "@throughline/core/attributes";
import { openStorage } from "../identity/page-storage.ts";
import type { RunningInstrument, TracedPage, WebInstrument } from "../instrument.ts";
import { listen } from "../listen.ts";
import { stopAll } from "../patch-method.ts";
import { startAll } from "../start-all.ts";
import { traceRestores } from "./page-restore.ts";
import { isPrerendering } from "./prerendering.ts";
import { isRouteKnown } from "./route-name.ts";
import { readServerSpan, rememberServed } from "./server-timing.ts";

const MAX_RESOURCES = 50;
/** The App Router knows its route once the page is hydrated, mostly a moment after the load event. */
const ROUTE_WAIT_MS = 5000;
const ROUTE_CHECK_MS = 100;
/** A resource that never comes keeps the load event from coming. */
const DEADLINE_MS = 30_000;
/** Have spans of their own, or are ours. */
const TRACED_ELSEWHERE = /^(fetch|xmlhttprequest|beacon)$/;

/** In the page, not in the module: a hot reload or a second start is no second load. */
const TOLD = Symbol.for("throughline.page_load");
const page = globalThis as { [TOLD]?: boolean };

/**
 * Traces the load of the page, its document and its first 50 resources, in the trace of the SERVER span that
 * served it; and each return from the back/forward cache as a page view of its own.
 */
export function tracePageLoad(): WebInstrument {
  return (traced) => startAll(page[TOLD] ? [traceRestores] : [traceRestores, startLoad], traced);
}

interface Activatable {
  readonly activationStart?: number;
}

function startLoad(traced: TracedPage): RunningInstrument {
  page[TOLD] = true;
  const served = readServed(traced);
  if (!isPrerendering()) return followLoad(traced, served);
  // Nobody has seen the page yet, and perhaps nobody will; what it fetches meanwhile is in its trace already.
  if (served.parent) traced.setPageContext(trace.setSpanContext(ROOT_CONTEXT, served.parent));
  let load: RunningInstrument | undefined;
  const stopListening = listen(document, "prerenderingchange", () => {
    stopListening();
    load = followLoad(traced, served);
  });
  return {
    stop() {
      stopListening();
      load?.stop();
    },
    settle: () => load?.settle?.(),
    cut: (reason) => load?.cut?.(reason),
  };
}

function followLoad(
  { tracer, later, config, setPageContext }: TracedPage,
  served: ServedBy,
): RunningInstrument {
  const { entry } = served;
  const { span, context } = openPage(tracer, served);
  let open = true;
  let loaded = false;

  function end(endedBy?: string): void {
    if (!open) return;
    open = false;
    stopWaiting();
    const now = performance.now();
    span.setAttributes({ [ENDED_BY]: endedBy });
    // The end is that of the load event, however late it is told.
    const endTime = endedBy ? now : Math.max(entry?.loadEventEnd || now, activationOf(entry));
    if (span.isRecording()) {
      if (entry) tellDocument({ tracer, context, entry });
      tellResources({ tracer, context, until: endTime, ignored: config.endpoint });
    }
    span.end(endTime);
    setPageContext(undefined);
  }
  // The entry knows the end of the load event once its listeners have run.
  const onLoad = (): void => {
    later(() => {
      loaded = true;
      awaitRoute(performance.now() + ROUTE_WAIT_MS);
    }, 0);
  };
  const awaitRoute = (until: number): void => {
    if (!open) return;
    if (isRouteKnown() || performance.now() > until) end();
    else later(() => awaitRoute(until), ROUTE_CHECK_MS);
  };
  const cut = (reason: string): void => end(loaded ? undefined : reason);
  const stopWaiting = stopAll([listen(window, "load", onLoad), later(() => cut("deadline"), DEADLINE_MS)]);
  setPageContext(context);
  if (document.readyState === "complete") onLoad();
  return {
    stop: () => cut("stop"),
    settle() {
      if (document.readyState === "complete") end();
      else if (document.visibilityState === "hidden") cut("hidden");
    },
    cut,
  };
}

interface ServedBy {
  readonly entry: PerformanceNavigationTiming | undefined;
  /** The SERVER span that answered this very visit, else one that answered another. */
  readonly parent?: SpanContext | undefined;
  readonly linked?: SpanContext | undefined;
}

function readServed({ consent, config }: TracedPage): ServedBy {
  const [entry] = performance.getEntriesByType("navigation") as (PerformanceNavigationTiming | undefined)[];
  const before = rememberServed(() => openStorage(consent, "sessionStorage"));
  const server = entry && readServerSpan(entry, performance.timeOrigin, before);
  // Where every trace of this page is kept, one that the server does not keep is none to be part of.
  if (!server || (!server.sampled && config.sampleRatio === 1)) return { entry };
  const { traceId, spanId, sampled, fresh } = server;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return { entry, [fresh ? "parent" : "linked"]: { traceId, spanId, traceFlags, isRemote: true } };
}

function openPage(tracer: Tracer, { entry, parent, linked }: ServedBy) {
  const links: Link[] = linked ? [{ context: linked }] : [];
  const startTime = activationOf(entry);
  const type = startTime > 0 ? "prerender" : entry?.type;
  const attributes = { [URL_PATH]: location.pathname, ...(type && { [NAVIGATION_TYPE]: type }) };
  const parentContext = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  const span = tracer.startSpan("page load", { attributes, links, startTime }, parentContext);
  return { span, context: trace.setSpan(ROOT_CONTEXT, span) };
}

/** Zero unless the page was prerendered; then the moment a person came to see it. */
function activationOf(entry: (PerformanceNavigationTiming & Activatable) | undefined): number {
  return entry?.activationStart ?? 0;
}

interface Below {
  readonly tracer: TracedPage["tracer"];
  readonly context: Context;
}

function tellDocument({
  tracer,
  context,
  entry,
}: Below & { readonly entry: PerformanceNavigationTiming }): void {
  // Firefox says now and then nothing of the response's end; once the document is parsed all of it has come.
  const end = entry.responseEnd || entry.domInteractive;
  if (end === 0) return;
  const attributes = { [URL_FULL]: entry.name, ...sizesOf(entry) };
  tracer.startSpan("document", { attributes, startTime: entry.fetchStart }, context).end(end);
}

interface Until extends Below {
  readonly until: number;
  readonly ignored: string;
}

function tellResources({ tracer, context, until, ignored }: Until): void {
  const resources = (performance.getEntriesByType("resource") as PerformanceResourceTiming[]).filter(
    ({ name, initiatorType, responseEnd }) =>
      /^https?:/.test(name) &&
      name !== ignored &&
      !TRACED_ELSEWHERE.test(initiatorType) &&
      responseEnd > 0 &&
      responseEnd <= until,
  );
  for (const entry of resources.slice(0, MAX_RESOURCES)) {
    const attributes = { [URL_FULL]: entry.name, ...sizesOf(entry) };
    tracer
      .startSpan(`resource ${entry.initiatorType}`, { attributes, startTime: entry.startTime }, context)
      .end(entry.responseEnd);
  }
}

/** Zero stands for what another origin does not tell: https://www.w3.org/TR/resource-timing/#dfn-timing-allow-check */
function sizesOf(entry: PerformanceResourceTiming): Attributes {
  return {
    [HTTP_RESPONSE_STATUS_CODE]: entry.responseStatus || undefined,
    [HTTP_RESPONSE_SIZE]: entry.transferSize || undefined,
    [HTTP_RESPONSE_BODY_SIZE]: entry.encodedBodySize || undefined,
  };
}

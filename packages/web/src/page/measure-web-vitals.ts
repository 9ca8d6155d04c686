import {
  type Attributes,
  type Context,
  diag,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  trace,
} from "@opentelemetry/api";
import { scrub } from "@throughline/core";
import {
  CODE_FUNCTION_NAME,
  PAGE_ROUTE,
  SCRIPT_INVOKER,
  URL_FULL,
  WEB_VITAL_DELTA,
  WEB_VITAL_ELEMENT,
  WEB_VITAL_ID,
  WEB_VITAL_NAME,
  WEB_VITAL_NAVIGATION_TYPE,
  WEB_VITAL_RATING,
  WEB_VITAL_VALUE,
} from "@throughline/core/attributes";
import type { MetricType } from "web-vitals";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import type { SpanData } from "../trace/span.ts";
import { contextSince } from "./page-views.ts";
import { selectorOf } from "./selector.ts";
import { watchEntries } from "./watch-entries.ts";

/** Slow frames that handled input and may turn out to be part of the slowest interaction. */
const MAX_FRAMES = 50;
const MAX_SCRIPTS = 5;
/** The wrapper in context/listeners.ts. */
const OUR_LISTENER = "throughline";

type VitalsLibrary = typeof import("./vitals-library.ts");

/** In the page, not in the module: the library cannot be taken off, and a hot reload brings a second copy of it. */
const VITALS = Symbol.for("throughline.web-vitals");
const holder = globalThis as { [VITALS]?: { report: (metric: MetricType) => void } | undefined };

/** `traceWebVitals` with the library from wherever it comes: for what is a late chunk already. */
export function measureWebVitals(load: () => Promise<VitalsLibrary>, longTasks = false): WebInstrument {
  return (page) => {
    const frames: PerformanceLongAnimationFrameTiming[] = [];
    const watched = watchEntries<PerformanceLongAnimationFrameTiming>("long-animation-frame", (frame) => {
      if (frame.firstUIEventTimestamp === 0) return;
      frames.push(frame);
      frames.sort((one, other) => other.duration - one.duration).splice(MAX_FRAMES);
    });
    const tasks = longTasks
      ? watchEntries("longtask", (task) => traceEntry(page, "long task", task))
      : undefined;
    const tell = (metric: MetricType): void => {
      watched.drain();
      traceMetric(page, metric, frames);
    };
    const slowest = keepSlowest(tell);
    const report = (metric: MetricType): void => {
      if (metric.name === "INP") slowest.keep(metric);
      else tell(metric);
    };
    listen(report, load);
    return {
      stop() {
        if (holder[VITALS]?.report === report) holder[VITALS].report = () => undefined;
        watched.stop();
        tasks?.stop();
      },
      settle() {
        tasks?.drain();
        if (document.visibilityState === "hidden") slowest.tell();
      },
    };
  };
}

function listen(report: (metric: MetricType) => void, load: () => Promise<VitalsLibrary>): void {
  if (holder[VITALS]) {
    holder[VITALS].report = report;
    return;
  }
  const current = { report };
  holder[VITALS] = current;
  const tell = (metric: MetricType): void => current.report(metric);
  load().then(
    ({ onCLS, onFCP, onINP, onLCP, onTTFB }) => {
      for (const on of [onTTFB, onFCP, onLCP, onCLS]) on(tell, { reportSoftNavs: true });
      onINP(tell, { reportSoftNavs: true, reportAllChanges: true });
    },
    (problem) => diag.warn(`@throughline/web: web vitals could not be loaded: ${String(problem)}`),
  );
}

/**
 * The library looks at an interaction when the browser is idle. What it has not looked at when the page hides, a
 * click that leaves the page above all, it counts only after its last report; so we hear every change and tell the last.
 */
function keepSlowest(tell: (metric: MetricType) => void) {
  let metric: MetricType | undefined;
  /** Values under way of the page or navigation that is measured. */
  let told = { id: "", value: 0 };

  function tellKept(): void {
    if (!metric) return;
    const before = told.id === metric.id ? told.value : 0;
    tell({ ...metric, delta: metric.value - before });
    told = metric;
    metric = undefined;
  }
  return {
    tell: tellKept,
    keep(change: MetricType): void {
      if (metric && metric.id !== change.id) tellKept();
      // It changes this object in place.
      metric = { ...change };
    },
  };
}

function traceMetric(
  page: TracedPage,
  metric: MetricType,
  frames: readonly PerformanceLongAnimationFrameTiming[],
): void {
  const context = contextSince(page.pageViews, metric.navigationStartTime ?? 0) ?? ROOT_CONTEXT;
  const { start, element } = placeOf(metric);
  const end = Math.min(metric.name === "CLS" ? start : start + metric.value, performance.now());
  const attributes: Attributes = {
    [WEB_VITAL_NAME]: metric.name.toLowerCase(),
    [WEB_VITAL_VALUE]: metric.value,
    [WEB_VITAL_DELTA]: metric.delta,
    [WEB_VITAL_ID]: metric.id,
    [WEB_VITAL_RATING]: metric.rating,
    [WEB_VITAL_NAVIGATION_TYPE]: metric.navigationType,
    ...(element && { [WEB_VITAL_ELEMENT]: selectorOf(element) }),
  };
  const span = startBelow(page, context, `web vital ${metric.name}`, { startTime: start, attributes });
  if (metric.name === "INP") traceScripts(page, trace.setSpan(context, span), { start, end }, frames);
  span.end(end);
}

interface Place {
  /** When it began, on the clock of `performance.now`. */
  readonly start: number;
  readonly element?: Node | null | undefined;
}

function placeOf(metric: MetricType): Place {
  if (metric.name === "CLS") {
    const worst = metric.entries.reduce<LayoutShift | undefined>(
      (worst, shift) => (worst && worst.value >= shift.value ? worst : shift),
      undefined,
    );
    return { start: worst?.startTime ?? performance.now(), element: worst?.sources[0]?.node };
  }
  if (metric.name === "INP") {
    const [event] = metric.entries;
    return { start: event?.startTime ?? performance.now() - metric.value, element: event?.target };
  }
  // What is measured of a prerendered page begins when somebody looks at it.
  const [navigation] = performance.getEntriesByType("navigation");
  const start = metric.navigationStartTime || navigation?.activationStart || 0;
  return metric.name === "LCP" ? { start, element: metric.entries.at(-1)?.element } : { start };
}

/** The longest scripts that ran while the interaction waited for its paint. */
function traceScripts(
  page: TracedPage,
  context: Context,
  { start, end }: { readonly start: number; readonly end: number },
  frames: readonly PerformanceLongAnimationFrameTiming[],
): void {
  const scripts = frames
    .flatMap((frame) => frame.scripts)
    .filter((script) => script.startTime < end && script.startTime + script.duration > start)
    .sort((one, other) => other.duration - one.duration)
    .slice(0, MAX_SCRIPTS);
  for (const script of scripts) {
    traceEntry(page, `script ${script.invokerType}`, script, context, {
      [SCRIPT_INVOKER]: scrub(script.invoker),
      // Nothing is said of the page's own listener where ours, which calls it, is all that the browser sees.
      ...(script.sourceFunctionName !== OUR_LISTENER && {
        [URL_FULL]: scrub(script.sourceURL),
        [CODE_FUNCTION_NAME]: script.sourceFunctionName,
      }),
    });
  }
}

function traceEntry(
  page: TracedPage,
  name: string,
  { startTime, duration }: PerformanceEntry,
  context: Context = page.pageViews.at(-1)?.context ?? ROOT_CONTEXT,
  attributes: Attributes = {},
): void {
  startBelow(page, context, name, { startTime, attributes }).end(
    Math.min(startTime + duration, performance.now()),
  );
}

/** The page may have gone on to another view since, of another route. */
function startBelow(
  { tracer, pageViews }: TracedPage,
  context: Context,
  name: string,
  options: SpanOptions,
): Span {
  const span = tracer.startSpan(name, options, context);
  // Of the last one the page knows better: a redirect of a server action makes no view.
  if (context === (pageViews.at(-1)?.context ?? ROOT_CONTEXT)) return span;
  // Whatever records has attributes; the API does not say so.
  const { attributes }: Partial<SpanData> = Object(trace.getSpan(context));
  return span.setAttributes({ [PAGE_ROUTE]: attributes?.[PAGE_ROUTE] });
}

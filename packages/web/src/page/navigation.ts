import { type Context, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";
import { ENDED_BY, NAVIGATION_FROM, NAVIGATION_TYPE, PARENT, URL_PATH } from "@throughline/core/attributes";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import type { Stop } from "../patch-method.ts";
import { listenToPagesRouter, pageHasNext, watchHistory } from "./page-history.ts";
import { listenToRouter, type TransitionType } from "./router-transition.ts";

/** A navigation that has not come about by then never will. */
const DEADLINE_MS = 30_000;
/** What the App Router and the Pages Router say of a request for the next page. */
const ROUTER_HEADERS = ["rsc", "x-nextjs-data"];

interface Pending {
  readonly span: Span;
  readonly context: Context;
  /** The context in which it began. */
  readonly parent: Context;
  readonly cancelDeadline: Stop;
}

/**
 * Traces navigations within the page, from their start to the commit of the new URL: the App Router through
 * `onRouterTransitionStart`, the Pages Router through its events, others through the Navigation or History API.
 */
export function traceNavigation(): WebInstrument {
  return (page) => {
    const navigations = createNavigations(page);
    const stops = [
      listenToRouter(navigations.begin),
      listenToPagesRouter({ start: navigations.begin, failed: () => navigations.end("error") }),
      watchHistory({
        start: (url, type) => {
          if (!pageHasNext()) navigations.begin(url, type);
        },
        commit: () => navigations.end(),
      }),
    ];
    page.claimRequests(navigations.claim);
    return {
      stop() {
        for (const stop of stops) stop();
        navigations.end("stop");
      },
      cut: navigations.end,
    };
  };
}

function createNavigations({ tracer, manager, life, later, setPageContext }: TracedPage) {
  let pending: Pending | undefined;

  function end(endedBy?: string): void {
    if (!pending) return;
    const { span, cancelDeadline } = pending;
    pending = undefined;
    cancelDeadline();
    setPageContext(undefined);
    if (endedBy) span.setAttribute(ENDED_BY, endedBy);
    span.end();
  }

  return {
    end,
    begin(url: string, type: TransitionType): void {
      end("navigation");
      const active = manager.active();
      const known = trace.getSpanContext(active);
      const inferred = known ? undefined : life.only();
      const parent = inferred ?? (known ? active : ROOT_CONTEXT);
      const attributes = {
        [NAVIGATION_TYPE]: type,
        [NAVIGATION_FROM]: location.pathname,
        [URL_PATH]: pathOf(url),
        ...(inferred && { [PARENT]: "inferred" }),
      };
      const span = tracer.startSpan(`navigate ${type}`, { attributes }, parent);
      const context = trace.setSpan(parent, span);
      pending = { span, context, parent: active, cancelDeadline: later(() => end("deadline"), DEADLINE_MS) };
      setPageContext(context);
    },
    /** The router fetches after the transition has begun, in the code that began it. */
    claim(headers: Headers, active: Context): Context | undefined {
      if (!pending || !ROUTER_HEADERS.some((name) => headers.has(name))) return undefined;
      const owner = trace.getSpanContext(active)?.spanId;
      const isOurs = !owner || owner === trace.getSpanContext(pending.parent)?.spanId;
      return isOurs ? pending.context : undefined;
    },
  };
}

/** A router's own failure with a URL is for the router to tell. */
function pathOf(url: string): string | undefined {
  return URL.canParse(url, location.href) ? new URL(url, location.href).pathname : undefined;
}

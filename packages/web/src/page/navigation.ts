import { type Context, type Span, trace } from "@opentelemetry/api";
import {
  ENDED_BY,
  NAVIGATION_FROM,
  NAVIGATION_PREFETCHED,
  NAVIGATION_TYPE,
  navigationSpanName,
  PAGE_ROUTE,
  PARENT,
  URL_PATH,
} from "@throughline/core/attributes";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import { listen } from "../listen.ts";
import { type Stop, stopAll } from "../patch-method.ts";
import { parseUrl } from "../request/parse-url.ts";
import type { TracedRequest } from "../request/propagation.ts";
import {
  type Commit,
  isSamePage,
  listenToPagesRouter,
  pageHasNext,
  watchCommits,
  watchHistory,
} from "./page-history.ts";
import { guessRoute, type RouteName, routeOfPage } from "./route-name.ts";
import { listenToRouter, type TransitionType } from "./router-transition.ts";

/** A navigation that has not come about by then never will. */
const DEADLINE_MS = 30_000;
/** What the App Router and the Pages Router say of a request for the next page. */
const ROUTER_HEADERS = ["rsc", "x-nextjs-data"];
/** Pages fetched ahead that are remembered; a tab may stay open for days. */
const MAX_AHEAD = 999;

export interface NavigationOptions {
  /** Names the route of a URL where Next.js does not; `undefined` leaves it to the guess. */
  readonly routeName?: RouteName | undefined;
  /** That of Next.js, which its App Router leaves out of the paths that it tells; `withTracing` hands it on. */
  readonly basePath?: string | undefined;
}

interface Pending {
  readonly span: Span;
  readonly context: Context;
  /** The context in which it began. */
  readonly parent: Context;
  readonly url: URL | undefined;
  /** Where the page was then. */
  readonly from: URL;
  readonly type: TransitionType;
  /** The Pages Router, and one that takes a navigation over, change the URL before they render, and tell when they have. */
  readonly endsWithRouter: boolean;
  readonly cancelDeadline: Stop;
}

/**
 * Traces navigations within the page, from their start to the commit of the new page: the App Router through
 * `onRouterTransitionStart`, the Pages Router through its events, others through the Navigation or History API.
 * Each is named by its route, which later spans carry too.
 */
export function traceNavigation(options: NavigationOptions = {}): WebInstrument {
  return traceRouters(options, ({ begin, commit, end }) =>
    watchHistory({
      start: (...move) => {
        if (!pageHasNext()) begin(...move);
      },
      commit,
      done: end,
    }),
  );
}

/** {@link traceNavigation} where Next.js runs the page, for sure: its routers tell of each start. */
export function traceNextNavigation(options: NavigationOptions): WebInstrument {
  return traceRouters(options, ({ commit }) => watchCommits(commit));
}

function traceRouters(
  { routeName, basePath = "" }: NavigationOptions,
  watch: (navigations: Navigations) => Stop,
): WebInstrument {
  return (page) => {
    const navigations = createNavigations(page, routeName ?? (() => undefined));
    const stopListening = stopAll([
      listen(window, "load", navigations.tellRoute, true),
      listenToRouter((told, type) => {
        const url = parseUrl(told.replace(/^\//, `${basePath}/`), location.href)?.href ?? "";
        // It tells of moves to a fragment too.
        if (!navigations.isFragment(url)) navigations.begin(url, type);
      }),
      listenToPagesRouter({
        start: (url, type) => navigations.begin(url, type, location.href),
        complete: () => navigations.end(),
        failed: ({ cancelled }) => navigations.end(cancelled ? "navigation" : "error"),
      }),
      watch(navigations),
    ]);
    navigations.tellRoute();
    page.claimRequests(navigations.claim);
    return {
      stop() {
        stopListening();
        navigations.end("stop");
      },
      cut: navigations.end,
    };
  };
}

type Navigations = ReturnType<typeof createNavigations>;

function createNavigations(page: TracedPage, routeName: RouteName) {
  const { tracer, manager, life, later, setPageContext, setPageAttributes } = page;
  const ahead = createPagesAhead();
  let pending: Pending | undefined;
  /** The URL before a return, of which Next.js hears when the browser has changed it. */
  let shown = location.href;

  /** Every span from now on carries the route, and so does the page load or navigation that is open. */
  function tellRoute(): string {
    const route = askFor(routeName, new URL(location.href)) ?? routeOfPage();
    setPageAttributes({ [PAGE_ROUTE]: route });
    return route;
  }

  function end(endedBy?: string): void {
    if (!pending) return;
    const { span, url, cancelDeadline } = pending;
    const route = endedBy ? url && (askFor(routeName, url) ?? guessUnseen(url)) : tellRoute();
    pending = undefined;
    shown = location.href;
    cancelDeadline();
    setPageContext(undefined);
    if (route) span.updateName(navigationSpanName(route));
    span.setAttributes({ [PAGE_ROUTE]: route, [ENDED_BY]: endedBy }).end();
  }

  /** With the URL that is left where a router tells of the end. */
  function begin(target: string, type: TransitionType, left?: string): void {
    const from = new URL(type === "traverse" ? shown : (left ?? location.href));
    end("navigation");
    // A router's own failure with a URL is for the router to tell.
    const url = parseUrl(target, location.href);
    const active = manager.active();
    // Where no span is active, the one interaction that is open.
    const inferred = trace.getSpanContext(active) ? undefined : life.only();
    const parent = inferred ?? active;
    const attributes = {
      [NAVIGATION_TYPE]: type,
      [NAVIGATION_FROM]: from.pathname,
      [NAVIGATION_PREFETCHED]: ahead.has(url) || undefined,
      [URL_PATH]: url?.pathname,
      ...(inferred && { [PARENT]: "inferred" }),
    };
    const span = tracer.startSpan(navigationSpanName(), { attributes }, parent);
    const context = trace.setSpan(parent, span);
    setPageContext(context);
    const cancelDeadline = later(() => end("deadline"), DEADLINE_MS);
    pending = { span, context, parent: active, url, from, type, endsWithRouter: !!left, cancelDeadline };
  }

  return {
    begin,
    end,
    tellRoute,
    isFragment: (target: string): boolean => target !== shown && isSamePage(target, shown),
    commit(type: Commit): void {
      if (type !== "traverse") shown = location.href;
      if (!pending) return void tellRoute();
      if (isNoArrival(pending, type)) return;
      if (type === "replace" && pending.type === "push") pending.span.setAttribute(NAVIGATION_TYPE, type);
      if (!pending.endsWithRouter) end();
    },
    /** The router fetches after the transition has begun, in the code that began it. */
    claim(request: TracedRequest, active?: Context): Context | undefined {
      if (!active) ahead.add(request.url);
      return active && pending && isFor(pending, request, active) ? pending.context : undefined;
    },
  };
}

/** Whether the router makes this request for the next page. */
function isFor({ parent }: Pending, { headers }: TracedRequest, active: Context): boolean {
  if (!ROUTER_HEADERS.some((name) => headers.has(name))) return false;
  const owner = trace.getSpanContext(active)?.spanId;
  return !owner || owner === trace.getSpanContext(parent)?.spanId;
}

/** Whether the page that is left has written its state or its query, or the router has yet to tell of a return. */
function isNoArrival({ url, from, type }: Pending, written: Commit): boolean {
  const stays = (part: "href" | "pathname"): boolean =>
    location[part] === from[part] && url?.[part] !== from[part];
  return stays("href") || (written !== type && (written === "traverse" || stays("pathname")));
}

/** The pages that the router has fetched ahead, by their paths. */
function createPagesAhead() {
  const paths = new Set<string | undefined>();
  return {
    add(request: URL): void {
      if (paths.size > MAX_AHEAD) paths.clear();
      // The Pages Router asks for `/_next/data/<build>/item/7.json`.
      paths.add(request.pathname.replace(/\/_next\/data\/[^/]+|\.json$/g, ""));
    },
    has: (page: URL | undefined): boolean => paths.has(page?.pathname),
  };
}

/** Of a URL that the page has not come to. What Next.js would call it is not known, and a guess may hold any word. */
function guessUnseen({ pathname }: URL): string | undefined {
  return pageHasNext() ? undefined : guessRoute(pathname);
}

/** The app's own function; where it fails, the guess has to do. */
function askFor(routeName: RouteName, url: URL): string | undefined {
  try {
    return routeName(url);
  } catch {
    return undefined;
  }
}

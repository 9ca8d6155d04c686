import { listen } from "../listen.ts";
import { type Method, patchMethod, type Stop, stopAll } from "../patch-method.ts";
import { parseUrl } from "../request/parse-url.ts";
import type { TransitionListener, TransitionType } from "./router-transition.ts";

/** The Navigation API, where the browser has it: https://developer.mozilla.org/docs/Web/API/Navigation_API */
interface NavigateEvent extends Event {
  readonly navigationType: TransitionType | "reload";
  readonly destination: { readonly url: string; readonly sameDocument: boolean };
  readonly canIntercept: boolean;
}
/** Null where only the state was written. */
export type Commit = TransitionType | "reload" | null;
interface CommitEvent extends Event {
  readonly navigationType: Commit;
}
interface NavigationApi extends EventTarget {
  /** While a navigation goes on that a listener has taken over. */
  readonly transition: object | null;
}
const { navigation } = globalThis as { readonly navigation?: NavigationApi };

export interface HistoryListener {
  /** With the URL that was left where the navigation tells of its end. */
  readonly start: (url: string, type: TransitionType, from?: string) => void;
  /** The URL or its state was written, by whomever. */
  readonly commit: (type: Commit) => void;
  /** The end of a navigation that told where it came from; with the reason where it did not come about. */
  readonly done: (endedBy?: string) => void;
}

/** Tells when a navigation within the document starts and when its URL is in place; a move to a fragment is none. */
export function watchHistory(on: HistoryListener): Stop {
  return navigation ? watchNavigationApi(navigation, on) : watchHistoryApi(on);
}

function watchNavigationApi(api: NavigationApi, { start, commit, done }: HistoryListener): Stop {
  /** Of a way to another document, until it is known whether a router takes it over. */
  let offered: Parameters<HistoryListener["start"]> | undefined;
  let isTaken = false;
  const listeners: Readonly<Record<string, (event: Event) => void>> = {
    navigate(event) {
      const { destination, navigationType, canIntercept } = event as NavigateEvent;
      const { url, sameDocument } = destination;
      offered = undefined;
      // Routers also write state under the URL that is there already.
      if (navigationType === "reload" || isSamePage(url)) return;
      if (sameDocument) start(url, navigationType);
      else if (canIntercept) offered = [url, navigationType, location.href];
    },
    currententrychange(event) {
      if (offered && api.transition) {
        start(...offered);
        isTaken = true;
      }
      offered = undefined;
      commit((event as CommitEvent).navigationType);
    },
    navigatesuccess: () => over(),
    // One that another overtakes is aborted.
    navigateerror: (event) =>
      over((event as ErrorEvent).error?.name === "AbortError" ? "navigation" : "error"),
  };
  const over = (endedBy?: string): void => {
    if (isTaken) done(endedBy);
    isTaken = false;
  };
  return stopAll(Object.entries(listeners).map(([type, listener]) => listen(api, type, listener)));
}

/** Tells when the URL or its state was written, by whomever. */
export function watchCommits(commit: HistoryListener["commit"]): Stop {
  return navigation
    ? listen(navigation, "currententrychange", (event) => commit((event as CommitEvent).navigationType))
    : watchCommitsByHistory(commit);
}

/** For browsers without the Navigation API. */
export function watchCommitsByHistory(commit: HistoryListener["commit"]): Stop {
  const patched = (type: TransitionType) => (original: Method) =>
    function (this: unknown, ...args: unknown[]): unknown {
      const result = Reflect.apply(original, this, args);
      commit(type);
      return result;
    };
  return stopAll([
    patchMethod(history, "pushState", patched("push")),
    patchMethod(history, "replaceState", patched("replace")),
    listen(window, "popstate", () => commit("traverse")),
  ]);
}

function withoutFragment(url: string): string | undefined {
  return url.split("#")[0];
}

/** However it was moved to: `pushState` to a fragment is no `hashChange` to the browser. */
export function isSamePage(one: string, other: string = location.href): boolean {
  return withoutFragment(one) === withoutFragment(other);
}

/** Where a call of History leads, if elsewhere; what is no URL, the browser refuses. */
function moveTo(url: unknown): string | undefined {
  const target = url ? parseUrl(String(url), document.baseURI)?.href : undefined;
  return target && !isSamePage(target) ? target : undefined;
}

/** For browsers without the Navigation API. */
export function watchHistoryApi({ start, commit, done }: HistoryListener): Stop {
  let shown = withoutFragment(location.href);
  const moved = (type: TransitionType): void => {
    shown = withoutFragment(location.href);
    commit(type);
  };
  const patched = (type: TransitionType) => (original: Method) =>
    function (this: unknown, ...args: unknown[]): unknown {
      const target = moveTo(args[2]);
      if (target) start(target, type);
      try {
        const result = Reflect.apply(original, this, args);
        moved(type);
        return result;
      } catch (refusal) {
        // Another origin's URL, or more calls than the browser takes.
        if (target) done("error");
        throw refusal;
      }
    };
  const onPop = (): void => {
    if (shown === withoutFragment(location.href)) return;
    start(location.href, "traverse");
    moved("traverse");
  };
  return stopAll([
    patchMethod(history, "pushState", patched("push")),
    patchMethod(history, "replaceState", patched("replace")),
    listen(window, "popstate", onPop),
  ]);
}

interface RouterEvents {
  on(name: string, listener: (...args: never[]) => void): void;
  off(name: string, listener: (...args: never[]) => void): void;
}
const next = globalThis as { readonly next?: { readonly router?: { readonly events?: RouterEvents } } };

/** Whether Next.js runs this page: its routers tell when a navigation starts, long before the URL changes. */
export function pageHasNext(): boolean {
  return next.next !== undefined;
}

interface PagesListener {
  readonly start: TransitionListener;
  readonly complete: () => void;
  /** `cancelled` where another navigation took over. */
  readonly failed: (error: { readonly cancelled?: boolean }) => void;
}

/**
 * The router of Next's `pages` folder, which exists once the page is hydrated. Moves to a fragment have events of
 * their own; a shallow move keeps the page. https://nextjs.org/docs/pages/api-reference/functions/use-router#routerevents
 */
export function listenToPagesRouter({ start, complete, failed }: PagesListener): Stop {
  let popped: string | undefined;
  const events = {
    routeChangeStart(url: string, props?: { readonly shallow?: boolean }) {
      // On a return the browser has changed the URL before the router hears of it; `replace` is told at the commit.
      const isReturn = popped !== undefined && parseUrl(url, location.href)?.href === popped;
      popped = undefined;
      if (!props?.shallow) start(url, isReturn ? "traverse" : "push");
    },
    routeChangeComplete: complete,
    // It has the error first.
    routeChangeError: failed,
  };
  let router: RouterEvents | undefined;
  const join = (): void => {
    router = next.next?.router?.events;
    if (!router) return;
    forget();
    for (const [name, listener] of Object.entries(events)) router.on(name, listener);
  };
  const onPop = (): void => {
    popped = location.href;
  };
  const stopListening = listen(window, "popstate", onPop, true);
  const forget = stopAll(["load", "click", "popstate"].map((type) => listen(window, type, join, true)));
  return () => {
    forget();
    stopListening();
    for (const [name, listener] of Object.entries(events)) router?.off(name, listener);
  };
}

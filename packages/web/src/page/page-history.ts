import { type Method, patchMethod, type Stop } from "../patch-method.ts";
import { parseUrl } from "../request/parse-url.ts";
import type { TransitionListener, TransitionType } from "./router-transition.ts";

/** The Navigation API, where the browser has it: https://developer.mozilla.org/docs/Web/API/Navigation_API */
interface NavigateEvent extends Event {
  readonly navigationType: TransitionType | "reload";
  readonly destination: { readonly url: string; readonly sameDocument: boolean };
  readonly hashChange: boolean;
}
interface CommitEvent extends Event {
  readonly navigationType: TransitionType | "reload" | null;
}
const { navigation } = globalThis as { readonly navigation?: EventTarget };

export interface HistoryListener {
  readonly start: TransitionListener;
  /** The URL or its state was written, by whomever. */
  readonly commit: (type: TransitionType | undefined) => void;
}

/** Tells when a navigation within the document starts and when its URL is in place; a move to a fragment is none. */
export function watchHistory(on: HistoryListener): Stop {
  return navigation ? watchNavigationApi(navigation, on) : watchHistoryApi(on);
}

function watchNavigationApi(api: EventTarget, { start, commit }: HistoryListener): Stop {
  const onNavigate = (event: Event): void => {
    const { destination, navigationType, hashChange } = event as NavigateEvent;
    if (navigationType === "reload" || hashChange || !isOther(destination)) return;
    start(destination.url, navigationType);
  };
  const onCommit = (event: Event): void => {
    const { navigationType } = event as CommitEvent;
    commit(navigationType === "reload" ? undefined : (navigationType ?? undefined));
  };
  api.addEventListener("navigate", onNavigate);
  api.addEventListener("currententrychange", onCommit);
  return () => {
    api.removeEventListener("navigate", onNavigate);
    api.removeEventListener("currententrychange", onCommit);
  };
}

/** Routers also write state under the URL that is there already. */
function isOther({ url, sameDocument }: NavigateEvent["destination"]): boolean {
  return sameDocument && url !== location.href;
}

/** For browsers without the Navigation API. */
export function watchHistoryApi({ start, commit }: HistoryListener): Stop {
  const patched = (type: TransitionType) => (original: Method) =>
    function (this: unknown, ...args: unknown[]): unknown {
      const url = args[2] ? String(args[2]) : location.href;
      // What is no URL, the browser refuses below.
      const target = parseUrl(url, document.baseURI)?.href;
      if (target && target !== location.href) start(target, type);
      const result = Reflect.apply(original, this, args);
      commit(type);
      return result;
    };
  const onPop = (): void => {
    start(location.href, "traverse");
    commit("traverse");
  };
  window.addEventListener("popstate", onPop);
  const stops = [
    patchMethod(history, "pushState", patched("push")),
    patchMethod(history, "replaceState", patched("replace")),
    () => window.removeEventListener("popstate", onPop),
  ];
  return () => {
    for (const stop of stops) stop();
  };
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
  readonly failed: () => void;
}

/**
 * The router of Next's `pages` folder, which exists once the page is hydrated. Moves to a fragment have events of
 * their own; a shallow move keeps the page. https://nextjs.org/docs/pages/api-reference/functions/use-router#routerevents
 */
export function listenToPagesRouter({ start, complete, failed }: PagesListener): Stop {
  let popped: string | undefined;
  const events: Record<string, (url: string, props?: { readonly shallow?: boolean }) => void> = {
    routeChangeStart(url, props) {
      // On a return the browser has changed the URL before the router hears of it; `replace` is told at the commit.
      const isReturn = popped !== undefined && parseUrl(url, location.href)?.href === popped;
      popped = undefined;
      if (!props?.shallow) start(url, isReturn ? "traverse" : "push");
    },
    routeChangeComplete: complete,
    // It has the error first.
    routeChangeError: failed,
  };
  const onPop = (): void => {
    popped = location.href;
  };
  const wakeUps = ["load", "click", "popstate"];
  const forget = (): void => {
    for (const name of wakeUps) window.removeEventListener(name, join, { capture: true });
  };
  let router: RouterEvents | undefined;
  const join = (): void => {
    router = next.next?.router?.events;
    if (!router) return;
    forget();
    for (const [name, listener] of Object.entries(events)) router.on(name, listener);
  };
  window.addEventListener("popstate", onPop, { capture: true });
  for (const name of wakeUps) window.addEventListener(name, join, { capture: true });
  return () => {
    forget();
    window.removeEventListener("popstate", onPop, { capture: true });
    for (const [name, listener] of Object.entries(events)) router?.off(name, listener);
  };
}

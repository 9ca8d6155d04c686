import { type Method, patchMethod, type Stop } from "../patch-method.ts";
import type { TransitionListener, TransitionType } from "./router-transition.ts";

/** The Navigation API, where the browser has it: https://developer.mozilla.org/docs/Web/API/Navigation_API */
interface NavigateEvent extends Event {
  readonly navigationType: TransitionType | "reload";
  readonly destination: { readonly url: string; readonly sameDocument: boolean };
  readonly hashChange: boolean;
}
const { navigation } = globalThis as { readonly navigation?: EventTarget };

export interface HistoryListener {
  readonly start: TransitionListener;
  readonly commit: () => void;
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
  api.addEventListener("navigate", onNavigate);
  api.addEventListener("currententrychange", commit);
  return () => {
    api.removeEventListener("navigate", onNavigate);
    api.removeEventListener("currententrychange", commit);
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
      const isMove =
        URL.canParse(url, document.baseURI) && new URL(url, document.baseURI).href !== location.href;
      if (isMove) start(new URL(url, document.baseURI).href, type);
      const result = Reflect.apply(original, this, args);
      commit();
      return result;
    };
  const onPop = (): void => {
    start(location.href, "traverse");
    commit();
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
  readonly failed: () => void;
}

/** The router of Next's `pages` folder, which exists once the page is hydrated: https://nextjs.org/docs/pages/api-reference/functions/use-router#routerevents */
export function listenToPagesRouter({ start, failed }: PagesListener): Stop {
  const onStart = (url: string): void => start(url, "push");
  const wakeUps = ["load", "click", "popstate"];
  const forget = (): void => {
    for (const name of wakeUps) window.removeEventListener(name, join, { capture: true });
  };
  let events: RouterEvents | undefined;
  const join = (): void => {
    events = next.next?.router?.events;
    if (!events) return;
    forget();
    events.on("routeChangeStart", onStart);
    events.on("routeChangeError", failed);
  };
  for (const name of wakeUps) window.addEventListener(name, join, { capture: true });
  return () => {
    forget();
    events?.off("routeChangeStart", onStart);
    events?.off("routeChangeError", failed);
  };
}

import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { ENDED_BY, NAVIGATION_TYPE, URL_PATH } from "@throughline/core/attributes";
import type { RunningInstrument, TracedPage } from "../instrument.ts";
import { listen } from "../listen.ts";
import { stopAll } from "../patch-method.ts";

// The page is visible before `pageshow`, and many apps fetch anew at that very moment; `resume` is of Chromium, and
// earlier still: https://html.spec.whatwg.org/multipage/browsing-the-web.html#reactivate-a-document
const SIGNS = ["resume", "visibilitychange", "pageshow"];

/**
 * Traces each return from the back/forward cache, from the moment the page runs again to its first paint. A page
 * that comes back whole makes no request of its own: https://web.dev/articles/bfcache
 */
export function traceRestores(traced: TracedPage): RunningInstrument {
  let isAway = false;
  let endView: ((endedBy?: string) => void) | undefined;

  const onSign = ({ type }: Event): void => {
    if (!isAway || (type === "visibilitychange" && document.visibilityState === "hidden")) return;
    isAway = false;
    endView = openView(traced);
  };
  const stopListening = stopAll([
    listen(window, "pagehide", (event) => {
      isAway = (event as PageTransitionEvent).persisted;
    }),
    ...SIGNS.map((sign) => listen(window, sign, onSign, true)),
  ]);
  return {
    stop() {
      stopListening();
      endView?.("stop");
    },
    cut: (reason) => endView?.(reason),
  };
}

function openView({ tracer, setPageContext }: TracedPage): (endedBy?: string) => void {
  const attributes = { [URL_PATH]: location.pathname, [NAVIGATION_TYPE]: "back-forward-cache" };
  const span = tracer.startSpan("page view", { attributes }, ROOT_CONTEXT);
  let open = true;
  setPageContext(trace.setSpan(ROOT_CONTEXT, span));

  function end(endedBy?: string): void {
    if (!open) return;
    open = false;
    span.setAttributes({ [ENDED_BY]: endedBy });
    span.end();
    setPageContext(undefined);
  }
  // What was changed before the first frame is painted when the second begins.
  requestAnimationFrame(() => requestAnimationFrame(() => end()));
  return end;
}

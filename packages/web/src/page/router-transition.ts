/** As Next.js names them: https://nextjs.org/docs/app/api-reference/file-conventions/instrumentation-client */
export type TransitionType = "push" | "replace" | "traverse";
export type TransitionListener = (url: string, type: TransitionType) => void;

/** In the page, not in the module: Next may bundle the hook apart from the tracing that starts later. */
const LISTENER = Symbol.for("throughline.router_transition");
const page = globalThis as { [LISTENER]?: TransitionListener | undefined };

/** The App Router calls this at the start of every navigation; a module of its own `instrumentation-client` exports it. */
export function onRouterTransitionStart(url: string, type: TransitionType): void {
  page[LISTENER]?.(url, type);
}

/** Hears every transition until the result is called. */
export function listenToRouter(listener: TransitionListener): () => void {
  page[LISTENER] = listener;
  return () => {
    if (page[LISTENER] === listener) page[LISTENER] = undefined;
  };
}

export type { RequestClaim, RunningInstrument, TracedPage, WebInstrument } from "./instrument.ts";
export { traceNavigation } from "./navigation.ts";
export type { WebTracingOptions } from "./options.ts";
export { tracePageLoad } from "./page-load.ts";
export { onRouterTransitionStart, type TransitionType } from "./router-transition.ts";
export { startWebTracing, type WebTracing } from "./start.ts";
export { withSpan } from "./with-span.ts";

import { traceErrors } from "./error/uncaught-errors.ts";
import type { WebTracingOptions } from "./options.ts";
import { afterLoad } from "./page/after-load.ts";
import { traceNavigation } from "./page/navigation.ts";
import { tracePageLoad } from "./page/page-load.ts";
import { startWebTracing } from "./start.ts";

// Next calls this hook of every module it injects, and the user's own beside it.
export { onRouterTransitionStart } from "./page/router-transition.ts";

// `withTracing` has Next run this module before hydration (instrumentationClientInject) and writes the options
// into a build-time constant, which bundlers only find when it is spelled exactly like this.
declare const process: { readonly env: { readonly THROUGHLINE_WEB?: string } };

const options = readOptions();
if (options) {
  const vitals = afterLoad(async () => (await import("./page/web-vitals.ts")).traceWebVitals());
  startWebTracing({ ...options, instruments: [tracePageLoad(), traceNavigation(), traceErrors(), vitals] });
}

function readOptions(): WebTracingOptions | undefined {
  try {
    const text = process.env.THROUGHLINE_WEB;
    return text ? (JSON.parse(text) as WebTracingOptions) : undefined;
  } catch {
    // No such constant and no `process`: the app was built without `withTracing`.
    return undefined;
  }
}

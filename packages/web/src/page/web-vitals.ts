import type { WebInstrument } from "../instrument.ts";
import { measureWebVitals } from "./measure-web-vitals.ts";

export interface WebVitalsOptions {
  /** A span for every task above 50 ms; default `false`. */
  readonly longTasks?: boolean | undefined;
}

/**
 * Traces LCP, INP, CLS, FCP and TTFB below the page load or navigation they measure; INP with the scripts that
 * ran meanwhile, where the browser tells them. Told when they are final, at the latest when the page hides.
 * The library that measures is a chunk of its own, so that nobody waits for its bytes: the browser keeps what it
 * measured before.
 */
export function traceWebVitals({ longTasks }: WebVitalsOptions = {}): WebInstrument {
  return measureWebVitals(() => import("./vitals-library.ts"), longTasks);
}

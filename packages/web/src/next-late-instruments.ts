import type { WebInstrument } from "./instrument.ts";
import { traceWebVitals } from "./page/web-vitals.ts";
import { traceResourceTiming } from "./request/resource-timing.ts";
import { offlineQueue } from "./transport/offline-queue.ts";

/** What a Next.js page starts once it has loaded. */
export function nextLateInstruments(): readonly WebInstrument[] {
  return [traceWebVitals(), traceResourceTiming(), offlineQueue()];
}

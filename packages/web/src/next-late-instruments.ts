import { onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";
import type { WebInstrument } from "./instrument.ts";
import { measureWebVitals } from "./page/measure-web-vitals.ts";
import { traceResourceTiming } from "./request/resource-timing.ts";
import { offlineQueue } from "./transport/offline-queue.ts";

/** What a Next.js page starts once it has loaded. */
export function nextLateInstruments(): readonly WebInstrument[] {
  return [
    measureWebVitals(async () => ({ onCLS, onFCP, onINP, onLCP, onTTFB })),
    traceResourceTiming(),
    offlineQueue(),
  ];
}

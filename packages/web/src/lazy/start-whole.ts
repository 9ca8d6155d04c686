import { TEST_GLOBAL } from "@throughline/core/attributes";
import type { Engine } from "../engine.ts";
import { createLightEngine } from "../light-engine.ts";
import { readWebOptions, type WebTracingOptions } from "../options.ts";
import { page } from "../running.ts";
import { startWith } from "../start.ts";
import { createTracerProvider } from "../trace/tracer.ts";
import type { EarlyWork } from "./early-work.ts";
import type { StartWhole } from "./start-lazily.ts";
import { traceEarlyWork } from "./trace-early-work.ts";

/** Last among the instruments: what they say of the page holds for the early spans too. */
export const startWhole: StartWhole = (options: WebTracingOptions, early: EarlyWork) =>
  startWith(
    () => createSessionEngine(early),
    {
      ...options,
      instruments: [
        ...(options.instruments ?? []),
        traceEarlyWork(early, page[TEST_GLOBAL] ? 1 : options.sampleRatio),
      ],
    },
    readWebOptions,
  );

/**
 * Resolves in a task of its own, to start in: the one that made the modules is as long as a task may be. By no timer,
 * which a hidden page and a test with a clock of its own hold back.
 */
export function nextTask(): Promise<void> {
  const { scheduler } = globalThis as { readonly scheduler?: { yield?(): Promise<void> } };
  if (scheduler?.yield) return scheduler.yield();
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

function createSessionEngine({ newTraceId }: EarlyWork): Engine {
  return {
    ...createLightEngine(),
    createProvider: (options) => createTracerProvider({ ...options, newTraceId }),
  };
}

import { type LoadInstruments, MORE } from "./next-options.ts";

// `withTracing` injects this module before the tracing itself where it is told to trace XMLHttpRequest.
const load: LoadInstruments = async () => [(await import("./xhr-alone.ts")).traceXhr()];
Reflect.set(globalThis, MORE, load);

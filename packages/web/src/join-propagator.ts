import type { TextMapPropagator } from "@opentelemetry/api";
import type { Stop } from "./patch-method.ts";

// Where every 1.x copy of the API looks: asking it to `setGlobalPropagator` would bring all of baggage along (0.4 kB).
// https://github.com/open-telemetry/opentelemetry-js/blob/main/api/src/internal/global-utils.ts
const API = Symbol.for("opentelemetry.js.api.1");
const page = globalThis as { readonly [API]?: { propagation?: TextMapPropagator | undefined } };

/** Has the user's own `propagation.inject` write our headers, unless somebody registered before; call it after the tracer's registration. */
export function joinPropagator(propagator: TextMapPropagator): Stop {
  const api = page[API];
  if (!api || api.propagation) return () => undefined;
  api.propagation = propagator;
  return () => {
    if (api.propagation === propagator) delete api.propagation;
  };
}

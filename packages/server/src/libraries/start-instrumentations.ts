import type { TracerProvider } from "@opentelemetry/api";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { warnOnce } from "../log.ts";
import type { Instrumentation } from "../register-options.ts";

/** Starts what the app brought; one that fails is named and left out, and the others go on. Returns the undoing. */
export function startInstrumentations(
  instrumentations: readonly Instrumentation[],
  tracerProvider: TracerProvider,
): () => void {
  const started = instrumentations.filter((each) =>
    attempt(each, "started", () => registerInstrumentations({ instrumentations: [each], tracerProvider })),
  );
  return () => {
    for (const each of started) attempt(each, "stopped", () => each.disable());
  };
}

function attempt(instrumentation: Instrumentation, what: string, run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    const name = instrumentation?.instrumentationName ?? String(instrumentation);
    warnOnce(
      `the instrumentation ${name} could not be ${what}: ${String(error)}. Correct what register({ instrumentations }) gives; the rest is traced.`,
    );
    return false;
  }
}

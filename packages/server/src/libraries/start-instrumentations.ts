import type { TracerProvider } from "@opentelemetry/api";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { printError } from "../error-text.ts";
import { say, warnOfFailure } from "../log.ts";
import type { Instrumentation } from "../register-options.ts";
import { withoutConnects } from "./pg-connects.ts";
import { DOUBLES } from "./tell-doubles.ts";

const PRISMA = "@prisma/instrumentation";

/** Starts what the app brought; one that fails is named and left out, and the others go on. Returns the undoing. */
export function startInstrumentations(
  instrumentations: readonly Instrumentation[],
  tracerProvider: TracerProvider,
): () => void {
  const started = instrumentations.filter((each) =>
    attempt(each, "started", () => {
      registerInstrumentations({
        instrumentations: [each],
        tracerProvider: withoutConnects(each, tracerProvider),
      });
      // It took the provider of its own copy of the api when it was constructed, and takes another only here (7.10).
      if (each.instrumentationName === PRISMA) each.enable();
    }),
  );
  return () => {
    for (const each of started) attempt(each, "stopped", () => each.disable());
  };
}

/**
 * What the app brought, without what would make each of its requests two spans; `getNodeAutoInstrumentations()` brings
 * those too. They are stopped, because an instrumentation starts when it is constructed.
 */
export function withoutDoubles(instrumentations: readonly Instrumentation[]): readonly Instrumentation[] {
  const doubles = instrumentations.filter((each) => DOUBLES.has(each?.instrumentationName));
  for (const each of doubles) attempt(each, "stopped", () => each.disable());
  if (doubles.length > 0) {
    const list = doubles.map(({ instrumentationName }) => instrumentationName).join(" and ");
    say("info", `${list}: left out, each request would be two spans; docs/server/libraries.md`);
  }
  return instrumentations.filter((each) => !doubles.includes(each));
}

function attempt(instrumentation: Instrumentation, what: string, run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    const name = instrumentation?.instrumentationName ?? printError(instrumentation);
    warnOfFailure(
      `the instrumentation ${name} could not be ${what}`,
      error,
      "Correct what register({ instrumentations }) gives; the rest is traced",
    );
    return false;
  }
}

import { context, propagation, type TracerProvider, trace } from "@opentelemetry/api";
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { say } from "../log.ts";
import { MODES, type Mode } from "../register-options.ts";
import { findRegistered, type Registered } from "./registered.ts";

/** How this process is traced beside another tracer. */
export type Side =
  | { readonly way: "own" }
  | { readonly way: "isolate" }
  | { readonly way: "join"; readonly provider: TracerProvider; attach(processor: SpanProcessor): () => void };

/** What besides a mode. */
const CURES: Readonly<Record<string, string>> = {
  "@sentry/node": "; or leave Sentry's enableOpenTelemetrySetup off, as it is by default, and both trace",
};
const DOCS = "docs/server/coexistence.md";

/**
 * Decides by the mode and by who has registered OpenTelemetry before. Throws, with what to do, where the app has to
 * say it first: taking over unasked would end another product's traces without a word.
 */
export function chooseSide(mode: Mode | ""): Side {
  // Plain JavaScript may give another.
  if (mode !== "" && !MODES.includes(mode))
    throw new Error(
      `mode ${JSON.stringify(mode)}: expected "own", "join" or "isolate"; correct it in register()`,
    );
  if (mode === "isolate") return { way: "isolate" };
  const other = findRegistered();
  if (!other) return { way: "own" };
  if (mode === "own") return takeOver(other);
  if (mode === "join") return join(other);
  const cure = CURES[other.name] ?? "";
  throw new Error(
    `${other.described} has registered OpenTelemetry before, and two cannot share it unasked. Say register({ mode }) or THROUGHLINE_MODE: "join" sends its spans to your collector too, "isolate" traces beside it, "own" replaces it${cure}; ${DOCS} compares them`,
  );
}

function takeOver({ described }: Registered): Side {
  for (const api of [trace, context, propagation]) api.disable();
  say(
    "warn",
    `${described} had registered OpenTelemetry before; mode "own" replaces it, and it gets no more spans.`,
  );
  return { way: "own" };
}

function join({ provider, described }: Registered): Side {
  const processors = processorsOf(provider);
  if (!processors) {
    throw new Error(
      `${described} has registered OpenTelemetry before, and its provider takes no further span processor, so mode "join" cannot be. Use mode "isolate" to trace beside it, or "own" to replace it; ${DOCS} compares them`,
    );
  }
  say(
    "info",
    `mode "join": the spans of ${described} are sent too; who is sampled, and outbound headers, are its matter.`,
  );
  return {
    way: "join",
    provider,
    attach(processor): () => void {
      processors.push(processor);
      return () => {
        const at = processors.indexOf(processor);
        if (at >= 0) processors.splice(at, 1);
      };
    },
  };
}

/** OpenTelemetry's SDK keeps its processors in a list since 1.x, and has had no method to add one since 2.0. */
function processorsOf(provider: TracerProvider): SpanProcessor[] | undefined {
  const { _activeSpanProcessor: all } = provider as {
    _activeSpanProcessor?: { _spanProcessors?: SpanProcessor[] };
  };
  return Array.isArray(all?._spanProcessors) ? all._spanProcessors : undefined;
}

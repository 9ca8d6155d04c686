import { context, type Span, type SpanOptions, type Tracer, type TracerProvider } from "@opentelemetry/api";
import type { Instrumentation } from "../register-options.ts";
import { standIn } from "../tracer/stand-in.ts";

const PG = "@opentelemetry/instrumentation-pg";
const CONNECTS = /^pg(?:-pool)?\.connect$/;
/** Those that were told otherwise; one may be started again. */
const asked = new WeakSet<Instrumentation>();

/**
 * Leaves out the spans of connecting where `ignoreConnectSpans` asks for that, and keeps what comes with them: told to
 * ignore them, the instrumentation of pg does not bind what waits for a connection, and a query that had to wait for one
 * lands in the trace of whoever gave it back (0.76). Gives the provider that the instrumentation is to have.
 */
export function withoutConnects(instrumentation: Instrumentation, provider: TracerProvider): TracerProvider {
  if (instrumentation?.instrumentationName !== PG) return provider;
  const config: { enabled?: boolean; ignoreConnectSpans?: boolean } = instrumentation.getConfig();
  if (config.ignoreConnectSpans !== true && !asked.has(instrumentation)) return provider;
  asked.add(instrumentation);
  instrumentation.setConfig({ ...config, ignoreConnectSpans: false } as typeof config);
  return { getTracer: (...args) => withoutConnectSpans(provider.getTracer(...args)) };
}

function withoutConnectSpans(tracer: Tracer): Tracer {
  const startSpan = (name: string, options?: SpanOptions, active = context.active()): Span =>
    CONNECTS.test(name) ? standIn(active) : tracer.startSpan(name, options, active);
  return { startSpan, startActiveSpan: tracer.startActiveSpan.bind(tracer) };
}

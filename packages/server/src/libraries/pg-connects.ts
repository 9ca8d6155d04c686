import {
  type Attributes,
  type AttributeValue,
  type Context,
  context,
  type Exception,
  type Span,
  type SpanOptions,
  type SpanStatus,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import type { Instrumentation } from "../register-options.ts";
import { standIn } from "../tracer/stand-in.ts";

const PG = "@opentelemetry/instrumentation-pg";
const CONNECTS = /^pg(?:-pool)?\.connect$/;
/** Those that were told otherwise; one may be started again. */
const asked = new WeakSet<Instrumentation>();

/**
 * Leaves out the spans of connecting where `ignoreConnectSpans` asks for that, but for those that failed, and keeps what
 * comes with them: told to ignore them, the instrumentation of pg does not bind what waits for a connection, and a query
 * that had to wait for one lands in the trace of whoever gave it back (0.76). Gives the provider that the
 * instrumentation is to have.
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
    CONNECTS.test(name)
      ? spanOfFailure(tracer, { name, options, active })
      : tracer.startSpan(name, options, active);
  return { startSpan, startActiveSpan: tracer.startActiveSpan.bind(tracer) };
}

interface Connecting {
  readonly name: string;
  readonly options: SpanOptions | undefined;
  readonly active: Context;
}

/** The connecting that others are a part of: of a pool's and its client's, which fail together, one is told. */
const connecting = new WeakSet<Span>();

/**
 * A stand-in that is made a span when it ends, if it failed: of a database that is down no other span tells. It keeps
 * what the instrumentation and its hook write: attributes, a status, an exception.
 */
function spanOfFailure(tracer: Tracer, { name, options, active }: Connecting): Span {
  const span = standIn(active);
  const outer = trace.getSpan(active);
  if (outer && connecting.has(outer)) return span;
  const startTime = options?.startTime ?? performance.now();
  let status: SpanStatus | undefined;
  const exceptions: Exception[] = [];
  const attributes: Attributes = { ...options?.attributes };
  connecting.add(span);
  return Object.assign(span, {
    // As a `connectionHook` does.
    setAttribute(key: string, value: AttributeValue) {
      attributes[key] = value;
      return span;
    },
    setAttributes(given: Attributes) {
      Object.assign(attributes, given);
      return span;
    },
    setStatus(given: SpanStatus) {
      status = given;
      return span;
    },
    recordException: (exception: Exception) => void exceptions.push(exception),
    end() {
      if (status?.code !== SpanStatusCode.ERROR) return;
      const told = tracer.startSpan(name, { ...options, attributes, startTime }, active);
      for (const exception of exceptions) told.recordException(exception);
      told.setStatus(status);
      told.end();
    },
  });
}

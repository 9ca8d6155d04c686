import {
  type Attributes,
  type Context,
  INVALID_SPAN_CONTEXT,
  ProxyTracerProvider,
  type Span,
  type SpanOptions,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { warnOfFailure } from "../log.ts";
import { processState } from "../process-state.ts";
import { standIn } from "../tracer/stand-in.ts";
import { activeContext } from "./current-context.ts";
import type { WithSpanOptions } from "./span-options.ts";

const TRACER_NAME = "@throughline/server";

/** What a function is handed where nothing is traced. */
export const INERT_SPAN: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/**
 * The tracer of whoever registered one; `undefined` where nobody did, so that a span costs nothing there. Asked for
 * each span: Next.js makes only the tracers safe for prerenders that are fetched after `register`.
 */
export function activeTracer(): Tracer | undefined {
  const { isolated } = processState();
  if (isolated) return isolated.tracer;
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer(TRACER_NAME)
    : provider.getTracer(TRACER_NAME);
}

/** Opens a span below what `parent` holds; where that fails, what it was to enclose runs in the parent's. */
export function openSpan(
  tracer: Tracer,
  name: string,
  options: WithSpanOptions,
  parent: Context = activeContext(),
): Span {
  try {
    return tracer.startSpan(name, spanOptions(options), parent);
  } catch (error) {
    warnOfFailure(`the span ${JSON.stringify(name)} could not be started`, error, "Its work runs without it");
    return standIn(parent);
  }
}

function spanOptions(options: WithSpanOptions): SpanOptions {
  const { attributes, kind, links, root } = options;
  return {
    // The SDK copies what it is given; its types only lack `readonly`.
    ...(attributes && { attributes: attributes as Attributes }),
    ...(kind !== undefined && { kind }),
    ...(links && { links: [...links] }),
    ...(root && { root }),
  };
}

import type { SpanJson } from "@throughline/core";
import type { BrowserSpan } from "../browser-spans.ts";
import { listTraces, readTrace } from "../trace-reading.ts";

/** Every span that the collector holds of the traces of a service that began since then. */
export async function collectedSpans(service: string, sinceMs: number): Promise<readonly SpanJson[]> {
  const traces = (await listTraces({ service })).filter(({ startUnixMs }) => startUnixMs >= sinceMs);
  const documents = await Promise.all(traces.map(({ traceId }) => readTrace(traceId)));
  return documents.flatMap((document) => document?.spans ?? []);
}

const KINDS: readonly string[] = ["internal", "server", "client"];

/** In the form in which a page posts it. */
export function asPosted(span: SpanJson): BrowserSpan {
  const texts = Object.entries(span.attributes).filter(([, value]) => typeof value === "string");
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    name: span.name,
    startTimeUnixNano: span.startUnixNano,
    endTimeUnixNano: span.endUnixNano,
    kind: KINDS.indexOf(span.kind) + 1,
    ...(span.parentSpanId && { parentSpanId: span.parentSpanId }),
    attributes: texts.map(([key, value]) => ({ key, value: { stringValue: String(value) } })),
  };
}

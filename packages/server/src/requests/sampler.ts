import type { Attributes, Context, Link, SpanKind } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import type { SamplerName } from "@throughline/core";
import { NEXT_SPAN_TYPE, OLD_HTTP_TARGET, URL_PATH } from "@throughline/core/attributes";
import { isAsset, matchIngest, pathOf } from "./noise.ts";

// Next.js's own bookkeeping: boot, module loading, zero-length marks. Nothing a user wrote runs below them.
const NOISE: ReadonlySet<unknown> = new Set([
  "Instrumentation.loadModule",
  "Instrumentation.register",
  "LoadComponents.loadRouteModule",
  "AppRouteRouteModule.loadUserland",
  "RouteModule.prepare",
  "NextNodeServer.createComponentTree",
  "NextNodeServer.findPageComponents",
  "NextNodeServer.getLayoutOrPageModule",
  "NextNodeServer.startResponse",
  "NextNodeServer.clientComponentLoading",
]);

export interface SamplerOptions {
  readonly name: SamplerName | "";
  readonly ratio: number;
  /** Requests to it are not traced: they carry the browser's spans. */
  readonly ingestPath: string;
  /**
   * Whether a caller's sampled flag is followed. A public app must not (anybody could raise its rate): it takes
   * the trace id's own share, which gives the same answer as a browser with the same ratio.
   */
  readonly trustsCaller: boolean;
}

/** Drops Next.js's noise and our own ingest requests with all below them, then samples by parent and ratio. */
export function createSampler(options: SamplerOptions): Sampler {
  const inner = baseSampler(options);
  const isOurs = matchIngest(options.ingestPath);
  // The request's head is judged by noise.ts where the process sees it; here is what the span alone can tell.
  const isNoise = (path: string): boolean => isAsset(path) || isOurs(path);
  return {
    shouldSample(
      context: Context,
      traceId: string,
      name: string,
      kind: SpanKind,
      attributes: Attributes,
      links: Link[],
    ): SamplingResult {
      if (NOISE.has(attributes[NEXT_SPAN_TYPE])) return { decision: SamplingDecision.NOT_RECORD };
      const target = attributes[OLD_HTTP_TARGET] ?? attributes[URL_PATH];
      if (typeof target === "string" && isNoise(pathOf(target)))
        return { decision: SamplingDecision.NOT_RECORD };
      return inner.shouldSample(context, traceId, name, kind, attributes, links);
    },
    toString: () => `Throughline{${inner.toString()}}`,
  };
}

function baseSampler({ name, ratio, trustsCaller }: SamplerOptions): Sampler {
  const byRatio = new TraceIdRatioBasedSampler(ratio);
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return byRatio;
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    default:
      return new ParentBasedSampler({
        root: byRatio,
        ...(trustsCaller ? {} : { remoteParentSampled: byRatio }),
      });
  }
}

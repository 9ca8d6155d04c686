import {
  type Attributes,
  type Context,
  isSpanContextValid,
  type Link,
  type SpanContext,
  SpanKind,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import { isAssetPath, type SamplerName } from "@throughline/core";
import { OLD_HTTP_TARGET, URL_PATH } from "@throughline/core/attributes";
import { type AppPaths, isIngest, pathOf } from "./noise.ts";

export interface SamplerOptions {
  readonly name: SamplerName | "";
  readonly ratio: number;
  /** Requests to it are not traced: they carry the browser's spans. */
  readonly paths: AppPaths;
  /**
   * Whether a caller's sampled flag is followed. A public app must not (anybody could raise its rate): it takes
   * the trace id's own share, which gives the same answer as a browser with the same ratio.
   */
  readonly trustsCaller: boolean;
  /** Whether a target is noise of which nothing was seen before its span: a request that came in as the server started. */
  readonly isUnseenNoise?: (target: string) => boolean;
}

const LEFT_OUT: SamplingResult = { decision: SamplingDecision.NOT_RECORD };
/** Of which nothing is told, metrics neither. */
export const NOISE: SamplingResult = { decision: SamplingDecision.NOT_RECORD };

/** Leaves out our own ingest requests and the build's files with all below them, then samples by parent and ratio. */
export function createSampler(options: SamplerOptions): Sampler {
  const inner = baseSampler(options);
  // The request's head is judged by noise.ts where the process sees it; here is what the span alone can tell.
  const isNoise = (path: string): boolean => isAssetPath(path) || isIngest(path, options.paths);
  return {
    shouldSample(
      context: Context,
      traceId: string,
      name: string,
      kind: SpanKind,
      attributes: Attributes,
      links: Link[],
    ): SamplingResult {
      // Whatever the sampler: a span whose parent was left out here would have none.
      if (isLeftOut(trace.getSpanContext(context))) return LEFT_OUT;
      if (kind === SpanKind.SERVER) {
        const target = attributes[OLD_HTTP_TARGET] ?? attributes[URL_PATH];
        if (typeof target === "string" && (isNoise(pathOf(target)) || options.isUnseenNoise?.(target)))
          return NOISE;
      }
      return inner.shouldSample(context, traceId, name, kind, attributes, links);
    },
    toString: () => `Throughline{${inner.toString()}}`,
  };
}

function isLeftOut(parent: SpanContext | undefined): boolean {
  if (!parent || parent.isRemote === true || !isSpanContextValid(parent)) return false;
  return (parent.traceFlags & TraceFlags.SAMPLED) === 0;
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
      return byParent(new AlwaysOffSampler(), trustsCaller);
    default:
      return byParent(byRatio, trustsCaller);
  }
}

function byParent(root: Sampler, trustsCaller: boolean): Sampler {
  return new ParentBasedSampler({ root, ...(trustsCaller ? {} : { remoteParentSampled: root }) });
}

import { newTraceId } from "./ids.ts";

/**
 * Whether a trace belongs to the share that is kept: told by its id in the same way as OpenTelemetry's
 * `TraceIdRatioBasedSampler`, so that a server with the same share keeps the same traces.
 */
export function isKept(traceId: string, ratio: number): boolean {
  return ratio === 1 || rank(traceId) < boundOf(ratio);
}

/** The id of a trace that is kept, for a session that is: random but for the 32 bits that tell the share. */
export function newKeptTraceId(ratio: number): string {
  const traceId = newTraceId();
  const wanted = Math.floor(Math.random() * boundOf(ratio));
  const last = (Number.parseInt(traceId.slice(24), 16) ^ rank(traceId) ^ wanted) >>> 0;
  return traceId.slice(0, 24) + last.toString(16).padStart(8, "0");
}

function boundOf(ratio: number): number {
  return Math.floor(ratio * 0xffffffff);
}

/** A number below 2^32 from all of the id. */
function rank(traceId: string): number {
  const parts = traceId.match(/.{8}/g) ?? [];
  return parts.reduce((sum, part) => (sum ^ Number.parseInt(part, 16)) >>> 0, 0);
}

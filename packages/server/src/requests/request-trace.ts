import type { HrTime } from "@opentelemetry/api";
import { addHrTimes, hrTimeToMilliseconds, millisToHrTime } from "@opentelemetry/core";
import type { ReadableSpan, Span } from "@opentelemetry/sdk-trace-base";
import { NEXT_SPAN_TYPE } from "@throughline/core/attributes";
import { guarded } from "../guarded.ts";
import { type SpanChanges, viewOf } from "../pipeline/span-view.ts";
import { RecordedSpan } from "../tracer/span.ts";
import { watchLastByte } from "./last-byte.ts";
import { mergePasses, type Role } from "./request-passes.ts";
import { endOf, isOver, onceOver } from "./response-over.ts";
import type { ResponseRecord } from "./response-record.ts";
import { trackEnds } from "./span-ends.ts";
import { hasOldNames, stableAttributes } from "./stable-attributes.ts";

/**
 * A caller that goes away while the last bytes are on their way leaves Next.js waiting for a `finish` that never comes
 * (`createWriterFromResponse` of 16.4.6), and its span open for ever. This long after the end of the response nobody
 * waits for it any more.
 */
const PATIENCE_MS = 5000;

/** The spans of one request between their start and the moment they leave. */
export interface RequestTrace {
  opened(span: Span): void;
  ended(span: ReadableSpan): void;
  /** Whether this path is another route's, which a handler has rendered anew. */
  isRevalidating(path: string): boolean;
  /** Lets go of everything that has ended, whether the response is over or not. */
  release(): void;
}

export interface RequestTraceOptions {
  readonly record: ResponseRecord;
  readonly send: (span: ReadableSpan) => void;
  /** The request has its SERVER span. */
  readonly onServer: (span: Span) => void;
  /** The response is over and every pass has ended: from here on spans leave as they end. */
  readonly onOver: () => void;
}

/** As `performance.now`; of a span of another provider, whose clock is not known, the time at which it is told of. */
function startOf(span: Span): number {
  return span instanceof RecordedSpan
    ? hrTimeToMilliseconds(span.startTime) - span.origin
    : performance.now();
}

/**
 * Holds the SERVER span and Next.js's own spans until the response is over, because Next.js ends them before: with a
 * proxy, before the page is rendered, and those of pages and handlers before what they stream.
 */
export function createRequestTrace(options: RequestTraceOptions): RequestTrace {
  const { record, send } = options;
  const ends = trackEnds();
  const passes = mergePasses(record, ends);
  const held: ReadableSpan[] = [];
  const sentAt = watchLastByte(record.response);
  let closedAt: number | undefined = isOver(record.response) ? performance.now() : undefined;
  let patience: NodeJS.Timeout | undefined;
  /** One moment on the clock of the SERVER span, and on the process's. */
  let clock: { readonly time: HrTime; readonly now: number } | undefined;

  // Called out of Node's and Next.js's own code: one span that cannot be finished must not take the others along.
  const finish = guarded((span: ReadableSpan): void => {
    const { spanId } = span.spanContext();
    const isServer = passes.roleOf(span) === "server";
    const changes = isServer ? passes.merged(span) : stable(span);
    const parent = passes.parentOf(span);
    let end = ends.endOf(spanId, span.endTime);
    if (isServer && closedAt !== undefined && clock) {
      // Not until Next.js's own code is done with it, only until the caller has it: or until the last span below ended.
      const after = Math.max(0, (sentAt() ?? closedAt) - clock.now);
      end = ends.endOf(spanId, addHrTimes(clock.time, millisToHrTime(after)));
    }
    ends.forget(spanId);
    const isMoved = parent !== span.parentSpanContext || end !== span.endTime;
    if (isMoved) send(viewOf(span, { ...changes, parentSpanContext: parent, endTime: end }));
    else send(changes ? viewOf(span, changes) : span);
  }, "a span of a request was lost");

  const release = (): void => held.splice(0).forEach(finish);

  const releaseWhenOver = (): void => {
    if (closedAt === undefined || passes.open() > 0) return;
    clearTimeout(patience);
    release();
    options.onOver();
  };
  onceOver(record.response, () => {
    closedAt = performance.now();
    record.end = endOf(record.response);
    releaseWhenOver();
    if (passes.open() > 0) patience = setTimeout(passes.endOpen, PATIENCE_MS).unref();
  });

  return {
    opened(span: Span): void {
      const role = passes.opened(span);
      if (role === "server") {
        clock = { time: span.startTime, now: startOf(span) };
        options.onServer(span);
      }
      if (role === "pass") return;
      ends.opened(span.spanContext().spanId, passes.parentOf(span)?.spanId, isPart(span, role));
    },
    ended(span: ReadableSpan): void {
      const role = passes.ended(span);
      if (role !== "pass") {
        const { spanId } = span.spanContext();
        ends.ended(spanId, ends.endOf(spanId, span.endTime));
        if (role === "server" || isOwn(span)) held.push(span);
        else finish(span);
      }
      releaseWhenOver();
    },
    isRevalidating: passes.isRevalidating,
    release,
  };
}

/** Whether a span is one of Next.js's within a request. */
function isPart(span: ReadableSpan, role: Role): boolean {
  return role === "part" && isOwn(span);
}

function isOwn(span: ReadableSpan): boolean {
  return span.attributes[NEXT_SPAN_TYPE] !== undefined;
}

function stable(span: ReadableSpan): SpanChanges | undefined {
  const { attributes } = span;
  return isOwn(span) && hasOldNames(attributes) ? { attributes: stableAttributes(attributes) } : undefined;
}

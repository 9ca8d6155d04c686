import { type SpanContext, SpanKind } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan, Span } from "@opentelemetry/sdk-trace-base";
import {
  HTTP_REQUEST_METHOD,
  NEXT_SPAN_TYPE,
  OLD_HTTP_METHOD,
  OLD_HTTP_TARGET,
} from "@throughline/core/attributes";
import type { SpanChanges } from "../pipeline/span-view.ts";
import type { ResponseRecord } from "./response-record.ts";
import { serverSpan } from "./server-span.ts";
import { appendServerTiming } from "./server-timing.ts";
import type { SpanEnds } from "./span-ends.ts";

const HANDLE_REQUEST = "BaseServer.handleRequest";

/** What became of a span: the request's one SERVER span, a further pass that it stands for, or neither. */
export type Role = "server" | "pass" | "part";

export interface Passes {
  /** Passes that have begun and not ended. */
  open(): number;
  /** Whether this path is being rendered anew for another route that goes on: `res.revalidate()`. */
  isRevalidating(path: string): boolean;
  opened(span: Span): Role;
  /** Ends those that are open: Next.js never will. */
  endOpen(): void;
  ended(span: ReadableSpan): Role;
  roleOf(span: ReadableSpan): Role;
  parentOf(span: ReadableSpan): SpanContext | undefined;
  /** What every pass has found out about the SERVER span. */
  merged(span: ReadableSpan): SpanChanges;
}

/**
 * Makes one SERVER span of a request, however many there are: Next.js passes over a request twice where there is a
 * proxy, and once more below the span of an HTTP instrumentation. The first stands for all of them, because it has the
 * caller as its parent and its id is what the browser was told; what began below a later pass hangs on what the pass
 * hung on, which is the first where there is a proxy. A pass that a handler asks for, by `res.revalidate()`, says nothing
 * of the request and is left out.
 */
export function mergePasses(record: ResponseRecord, ends: SpanEnds): Passes {
  // By the context, and not by the id: a pass may have that of the span it stands behind.
  const further = new Set<SpanContext>();
  /** By the ids of their passes: the path, and nothing once they have ended. */
  const revalidations = new Map<string, string | undefined>();
  const replaced = new Map<string, SpanContext | undefined>();
  const passes: ReadableSpan[] = [];
  let server: Span | undefined;
  const open = new Map<SpanContext, Span>();
  let isTold = false;

  const roleOf = (span: ReadableSpan): Role => {
    if (span.spanContext() === server?.spanContext()) return "server";
    return further.has(span.spanContext()) ? "pass" : "part";
  };

  const parentOf = ({ parentSpanContext: parent }: ReadableSpan): SpanContext | undefined =>
    parent && replaced.has(parent.spanId) ? replaced.get(parent.spanId) : parent;

  /** Not by the request's headers, in which a proxy may name any span; but a revalidation is handed on in them too. */
  const isAskedFor = ({ parentSpanContext: parent }: Span): boolean =>
    !parent?.isRemote || revalidations.has(parent.spanId);

  /** Whether a pass of Next.js's is a further one over the same request, which is noted then. */
  const goesOn = (span: Span, first: Span): boolean => {
    const own = span.spanContext();
    const parent = isBeside(first, span) ? first.spanContext() : parentOf(span);
    const below = ends.isBelow(first.spanContext().spanId, parent?.spanId);
    if (below === "no") return false;
    further.add(own);
    if (own.spanId !== parent?.spanId) replaced.set(own.spanId, parent);
    if (below === "by Next.js" && isAskedFor(span))
      revalidations.set(own.spanId, String(span.attributes[OLD_HTTP_TARGET]));
    return true;
  };

  return {
    open: (): number => open.size,
    // With or without the `basePath`.
    isRevalidating: (path): boolean => [...revalidations.values()].some((target) => target?.includes(path)),
    endOpen(): void {
      for (const span of [...open.values()].reverse()) span.end();
    },
    opened(span: Span): Role {
      const isNext = isNextPass(span);
      // A message on a socket that the request opened may have a SERVER span of its own.
      if (span.kind !== SpanKind.SERVER || !tellsRequest(span)) return "part";
      if (server && !(isNext && goesOn(span, server))) return "part";
      open.set(span.spanContext(), span);
      server ??= span;
      if (isNext && !isTold) {
        isTold = true;
        // Not the time now: Next.js has put a function of its own in the place of `Date.now`.
        appendServerTiming(record.response, server.spanContext(), hrTimeToMilliseconds(server.startTime));
      }
      return roleOf(span);
    },
    ended(span: ReadableSpan): Role {
      const role = roleOf(span);
      open.delete(span.spanContext());
      if (role !== "pass") return role;
      const { spanId } = span.spanContext();
      if (revalidations.has(spanId)) revalidations.set(spanId, undefined);
      else passes.push(span);
      return role;
    },
    roleOf,
    parentOf,
    merged: (span) => serverSpan(span, record, passes),
  };
}

/**
 * Whether a pass hangs on the same caller as the first: in a context that is not ours Next.js reads the request's headers
 * once more for the page that stands for a missing one.
 */
function isBeside({ parentSpanContext: caller }: Span, { parentSpanContext: parent }: Span): boolean {
  return caller?.isRemote === true && caller.spanId === parent?.spanId && caller.traceId === parent.traceId;
}

function tellsRequest({ attributes }: ReadableSpan): boolean {
  return attributes[OLD_HTTP_METHOD] !== undefined || attributes[HTTP_REQUEST_METHOD] !== undefined;
}

function isNextPass(span: ReadableSpan): boolean {
  return span.attributes[NEXT_SPAN_TYPE] === HANDLE_REQUEST;
}

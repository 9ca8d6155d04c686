import { type SpanContext, SpanKind } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan, Span } from "@opentelemetry/sdk-trace-base";
import { HTTP_REQUEST_METHOD, NEXT_SPAN_TYPE, OLD_HTTP_METHOD } from "@throughline/core/attributes";
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
 * hung on, which is the first where there is a proxy.
 */
export function mergePasses(record: ResponseRecord, ends: SpanEnds): Passes {
  const replaced = new Map<string, SpanContext | undefined>();
  const passes: ReadableSpan[] = [];
  let server: Span | undefined;
  const open = new Map<SpanContext, Span>();
  let isTold = false;

  const roleOf = (span: ReadableSpan): Role => {
    if (span.spanContext() === server?.spanContext()) return "server";
    return replaced.has(span.spanContext().spanId) ? "pass" : "part";
  };

  const parentOf = ({ parentSpanContext: parent }: ReadableSpan): SpanContext | undefined =>
    parent && replaced.has(parent.spanId) ? replaced.get(parent.spanId) : parent;

  return {
    open: (): number => open.size,
    endOpen(): void {
      for (const span of [...open.values()].reverse()) span.end();
    },
    opened(span: Span): Role {
      const isNext = isNextPass(span);
      // A message on a socket that the request opened may have a SERVER span of its own.
      if (span.kind !== SpanKind.SERVER || !tellsRequest(span)) return "part";
      if (server) {
        const parent = parentOf(span);
        if (!isNext || !ends.isBelow(server.spanContext().spanId, parent?.spanId)) return "part";
        replaced.set(span.spanContext().spanId, parent);
      }
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
      if (role === "pass") passes.push(span);
      return role;
    },
    roleOf,
    parentOf,
    merged: (span) => serverSpan(span, record, passes),
  };
}

function tellsRequest({ attributes }: ReadableSpan): boolean {
  return attributes[OLD_HTTP_METHOD] !== undefined || attributes[HTTP_REQUEST_METHOD] !== undefined;
}

function isNextPass(span: ReadableSpan): boolean {
  return span.attributes[NEXT_SPAN_TYPE] === HANDLE_REQUEST;
}

import type { ServerResponse } from "node:http";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { hostMayFreeze, hostWaitUntil } from "../host-wait.ts";
import { onceOver } from "./response-over.ts";

export interface AfterResponseOptions {
  readonly next: SpanProcessor;
  /** Sends everything of this process. */
  readonly flush: () => Promise<void>;
  /** The response of the running request, where it is known. */
  readonly response: () => ServerResponse | undefined;
}

/** How long a host is kept awake after a response: its user has been answered, but somebody pays for it. */
const MAX_MS = 1500;

/** One trace in this process whose host waits for its spans. */
interface Awaited {
  readonly openSpans: Set<object>;
  /** So far; what ends while a flush is on its way may have missed it. */
  ended: number;
  /** Where a response is not known, its span stands for it. */
  openResponses: number;
  /** Whether its host was asked to wait. */
  isAsked: boolean;
  isFlushing: boolean;
  deadline: NodeJS.Timeout | undefined;
  readonly done: Promise<void>;
  readonly settle: () => void;
}

/**
 * On a host that freezes a process between requests, asks it to wait until the request's spans have been sent: until its
 * response is over, every span of its trace has ended, and a flush was answered. The host is asked when the request
 * starts, because a streamed body goes on long after the handler has returned, when it is too late to ask.
 * A process that lives on has no such host, and sends by its timer.
 */
export function flushAfterResponse({ next, flush, response }: AfterResponseOptions): SpanProcessor {
  const hosts = createHosts(flush);
  const standIns = new WeakSet<object>();

  const open = (traceId: string, root: Span): Awaited | undefined => {
    if (!hostMayFreeze()) return undefined;
    const trace = hosts.of(traceId) ?? hosts.open(traceId);
    trace.isAsked = false;
    trace.openResponses += 1;
    const sent = response();
    if (!sent) standIns.add(root);
    // Others listen to the same event, and end or release spans there.
    else onceOver(sent, () => setImmediate(hosts.close, traceId, trace));
    return trace;
  };

  return {
    onStart(span: Span, context): void {
      next.onStart(span, context);
      const { traceId } = span.spanContext();
      const trace = isLocalRoot(span) ? open(traceId, span) : hosts.of(traceId);
      if (!trace) return;
      trace.openSpans.add(span);
      ask(trace);
    },
    onEnd(span: ReadableSpan): void {
      next.onEnd(span);
      const { traceId } = span.spanContext();
      // After all that, where the host still runs the request: in after() that waited for something first.
      const trace = hosts.of(traceId) ?? (hostWaitUntil() && hosts.open(traceId));
      if (!trace) return;
      trace.openSpans.delete(span);
      trace.ended += 1;
      ask(trace);
      if (standIns.delete(span)) hosts.close(traceId, trace);
      else void hosts.look(traceId, trace);
    },
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

/** The traces that hosts wait for. */
function createHosts(flush: () => Promise<void>) {
  const awaited = new Map<string, Awaited>();

  const settle = (traceId: string, trace: Awaited): void => {
    clearTimeout(trace.deadline);
    if (awaited.get(traceId) === trace) awaited.delete(traceId);
    trace.settle();
  };

  const look = async (traceId: string, trace: Awaited): Promise<void> => {
    if (trace.openResponses > 0 || trace.isFlushing) return;
    // Spans that outlive the response, as those of after() do, are waited for, but not for ever.
    trace.deadline ??= setTimeout(() => settle(traceId, trace), MAX_MS).unref();
    if (trace.openSpans.size > 0) return;
    if (!trace.isAsked) {
      settle(traceId, trace);
      return;
    }
    const { ended } = trace;
    trace.isFlushing = true;
    await flush().catch(() => undefined);
    trace.isFlushing = false;
    if (trace.ended > ended) await look(traceId, trace);
    else if (trace.openSpans.size === 0 && trace.openResponses === 0) settle(traceId, trace);
  };

  return {
    of: (traceId: string) => awaited.get(traceId),
    open(traceId: string): Awaited {
      const trace = openTrace();
      awaited.set(traceId, trace);
      return trace;
    },
    look,
    close(traceId: string, trace: Awaited): void {
      trace.openResponses -= 1;
      void look(traceId, trace);
    },
  };
}

/** At the first of its spans that runs where the host knows the request; node:http tells of one before that. */
function ask(trace: Awaited): void {
  if (trace.isAsked) return;
  const waitUntil = hostWaitUntil();
  if (!waitUntil) return;
  trace.isAsked = true;
  try {
    waitUntil(trace.done);
  } catch {
    // A host that has settled the request already waits for nothing more.
  }
}

function openTrace(): Awaited {
  let settle = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return {
    openSpans: new Set(),
    ended: 0,
    openResponses: 0,
    isAsked: false,
    isFlushing: false,
    deadline: undefined,
    done,
    settle,
  };
}

function isLocalRoot({ parentSpanContext }: Span): boolean {
  return parentSpanContext === undefined || parentSpanContext.isRemote === true;
}

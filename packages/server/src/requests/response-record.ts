import { channel } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Span } from "@opentelemetry/api";
import { createContextStorage, type RequestStorage } from "../context-storage.ts";
import { warnOfFailure } from "../log.ts";
import type { RequestDecision } from "../tracer/request-context.ts";
import { openResponses } from "./open-responses.ts";
import type { Failure } from "./request-error.ts";
import type { RequestTrace } from "./request-trace.ts";
import { isOver, listenToClose, type ResponseEnd } from "./response-over.ts";
import { appendSampledTiming, keepHeaderLists } from "./server-timing.ts";

/** What is known of one response from any code that runs for it. */
export interface ResponseRecord {
  readonly response: ServerResponse;
  /** A prefetch, a probe, a file: neither it nor what it runs makes spans, metrics or headers. */
  readonly isNoise: boolean;
  /** How the response was as it closed: what is done to it afterwards nobody is sent. */
  end: ResponseEnd | undefined;
  /** What `onRequestError` was told first. */
  failure: Failure | undefined;
  /** The request's spans, from the first on. */
  trace: RequestTrace | undefined;
}

/** How a SERVER span describes its request. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly parentSpanId: string | undefined;
}

export interface ResponseRecords {
  current(): ResponseRecord | undefined;
  /** Whether the requests for this target that came before anybody listened are noise. */
  readonly isEarlyNoise: (target: string) => boolean;
  /** The record of a request that came before anybody listened; it is current from here on. */
  adopt(head: RequestHead): ResponseRecord | undefined;
  /** From here on whether a request is kept is decided by this, from its head. */
  decideBy(decide: (request: IncomingMessage) => RequestDecision): void;
  /** Whether documents say if they are kept: to pages that were built with the server's share. */
  tellPages(isTold: boolean): void;
  /** From here on this hears of each redirect: one that has no span of its own gets it so. */
  openBy(open: (record: ResponseRecord, location: string) => void): void;
  /** What the running request sees where nothing else is current. */
  readonly setSpan: (span: Span) => void;
  stop(): void;
}

const UNDECIDED = "a request's trace could not be decided";

/** Makes the response of the running request findable from any code below it, without patching anything. */
export function recordResponses(
  isNoise: (request: IncomingMessage) => boolean = () => false,
  requests: RequestStorage<ResponseRecord> = createContextStorage<ResponseRecord>().requests,
): ResponseRecords {
  const create = (response: ServerResponse): ResponseRecord => ({
    response,
    isNoise: isNoise(response.req),
    end: undefined,
    failure: undefined,
    trace: undefined,
  });
  let decide: ((request: IncomingMessage) => RequestDecision) | undefined;
  let arePagesTold = false;
  const started = channel("http.server.request.start");
  const onStart = (message: unknown): void => {
    const record = create((message as { response: ServerResponse }).response);
    const base = requests.enter(record, record.isNoise);
    // The first to hear of it: who leaves is told in the context of the socket, and what the app then does (`signal`, the
    // `cancel` of a stream) is work of this request. Nothing else comes from a socket that has closed.
    listenToClose(record.response, () => {
      if (!record.response.writableFinished && requests.current() !== record) requests.resume(base);
    });
    if (record.isNoise || !decide) return;
    try {
      const decision = decide(record.response.req);
      requests.decide(decision);
      if (arePagesTold) appendSampledTiming(record.response, decision.dropped === undefined);
    } catch (error) {
      warnOfFailure(UNDECIDED, error, "Its first span decides; please report this");
    }
  };
  started.subscribe(onStart);
  let open: ((record: ResponseRecord, location: string) => void) | undefined;
  const leaveLists = keepHeaderLists((response, args) => {
    const location = open && redirectOf(response, args);
    if (!open || location === undefined) return;
    const record = requests.current();
    if (record?.response === response) open(record, location);
  });
  let early = openResponses().map(create);
  return {
    current: requests.current,
    decideBy(by): void {
      decide = by;
    },
    openBy(by): void {
      open = by;
    },
    tellPages(isTold): void {
      arePagesTold = isTold;
    },
    setSpan: requests.setSpan,
    isEarlyNoise(target): boolean {
      if (early.length === 0 || requests.current() !== undefined) return false;
      const same = early.filter(({ response }) => response.req.url === target);
      return same.length > 0 && same.every(({ isNoise: isOne }) => isOne);
    },
    adopt(head: RequestHead): ResponseRecord | undefined {
      if (early.length === 0) return undefined;
      early = early.filter(({ response }) => !isOver(response));
      const record = early.find(({ response }) => isHeadOf(head, response.req));
      if (record) requests.join(record);
      return record;
    },
    stop: () => {
      leaveLists();
      started.unsubscribe(onStart);
    },
  };
}

/** Where a response leads; the status is asked first, because this is asked of every response. */
function redirectOf(response: ServerResponse, args: readonly unknown[]): string | undefined {
  const status = Number(args[0]);
  if (!(status >= 300 && status < 400)) return undefined;
  const given = args.flatMap((arg) => Object.entries(Object(arg)));
  // What is given to `writeHead` overrides what was set.
  const location =
    given.find(([name]) => name.toLowerCase() === "location")?.[1] ?? response.getHeader("location");
  return location === undefined ? undefined : String(location);
}

function isHeadOf({ method, target, parentSpanId }: RequestHead, request: IncomingMessage): boolean {
  if (request.method !== method || request.url !== target) return false;
  const { traceparent } = request.headers;
  // Next.js writes the outer span into the request's headers when a proxy has run.
  return parentSpanId === undefined || String(traceparent).includes(parentSpanId);
}

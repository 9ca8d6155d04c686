import { type Span, SpanStatusCode } from "@opentelemetry/api";
import { ABORTED, ENDED_BY, ERROR_TYPE, HTTP_RESPONSE_STATUS_CODE } from "@throughline/core/attributes";
import { messageOf, typeOf } from "../error/error-text.ts";
import type { Later } from "../later.ts";
import type { Stop } from "../patch-method.ts";
import { watchBody } from "./response-body.ts";

/** A response that nobody began to read for so long counts as one that nobody reads. */
const UNREAD_MS = 1000;
/** A body that is read piece by piece and is open for so long is one that stays open: an event stream, a chat. */
const STREAM_MS = 3000;

/** A request on its way; `headersAt` is set while its response waits to be read. */
export interface Flight {
  readonly span: Span;
  readonly signal: AbortSignal | null | undefined;
  headersAt?: number | undefined;
  cancelWait?: Stop;
}

export interface Flights {
  start(flight: Flight): void;
  /** `at` is when the headers came, and `fail` of a request when it failed; now where it is missing. */
  receive(flight: Flight, response: unknown, at?: number): void;
  fail(flight: Flight, error: unknown, at?: number): void;
  /** Ends the spans of responses that nobody reads. */
  settle(): void;
  /** Ends every span that is still open. */
  cut(reason: string): void;
}

/** Tells that a span stays open, and that no click should wait for it. */
export type Release = (span: Span) => void;

/** Ends the span of a request once: with the last byte that is read, the headers if none is, or the failure. */
export function createFlights(later: Later, release: Release): Flights {
  const open = new Set<Flight>();

  function end(flight: Flight, time?: number): void {
    if (!open.delete(flight)) return;
    flight.cancelWait?.();
    flight.span.end(time);
  }

  function fail(flight: Flight, error: unknown, at?: number): void {
    if (!open.has(flight)) return;
    const name = typeOf(error);
    if (isAbort(error, name, flight.signal)) flight.span.setAttribute(ABORTED, true);
    // JSON that cannot be parsed has arrived in full.
    else if (name !== "SyntaxError") setError(flight.span, name, messageOf(error));
    end(flight, at);
  }

  function receive(flight: Flight, response: unknown, headersAt = performance.now()): void {
    if (!(response instanceof Response)) {
      end(flight, headersAt);
      return;
    }
    const { status } = response;
    if (status) flight.span.setAttribute(HTTP_RESPONSE_STATUS_CODE, status);
    if (status >= 400) setError(flight.span, String(status));
    if (response.body === null) {
      end(flight, headersAt);
      return;
    }
    flight.headersAt = headersAt;
    flight.cancelWait = later(() => end(flight, headersAt), UNREAD_MS);
    // https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    const isEvents = response.headers.get("content-type")?.startsWith("text/event-stream");
    watchBody(response, {
      started(isStream) {
        flight.headersAt = undefined;
        flight.cancelWait?.();
        if (isStream) flight.cancelWait = later(() => release(flight.span), isEvents ? 0 : STREAM_MS);
      },
      ended: (error) => (error === undefined ? end(flight) : fail(flight, error)),
    });
  }

  function settle(): void {
    for (const flight of open) if (flight.headersAt !== undefined) end(flight, flight.headersAt);
  }

  return {
    start: (flight) => {
      open.add(flight);
    },
    receive,
    fail,
    settle,
    cut(reason) {
      settle();
      for (const flight of open) {
        flight.span.setAttribute(ENDED_BY, reason);
        end(flight);
      }
    },
  };
}

function setError(span: Span, type: string, message?: string): void {
  span.setAttribute(ERROR_TYPE, type);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message && { message }) });
}

/** A timeout is an abort too, but one that nobody wanted. */
function isAbort(error: unknown, name: string, signal: AbortSignal | null | undefined): boolean {
  return name === "AbortError" || (name !== "TimeoutError" && !!signal?.aborted && signal.reason === error);
}

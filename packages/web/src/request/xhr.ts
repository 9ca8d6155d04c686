import { isSpanContextValid, type Span, SpanStatusCode } from "@opentelemetry/api";
import { isIgnored } from "@throughline/core";
import { ABORTED, ENDED_BY, ERROR_TYPE, HTTP_RESPONSE_STATUS_CODE } from "@throughline/core/attributes";
import type { TracedPage, WebInstrument } from "../instrument.ts";
import { patchMethod, type Stop, stopAll } from "../patch-method.ts";
import { traceparentOf } from "../propagator.ts";
import { parseUrl } from "./parse-url.ts";
import { propagationOf } from "./propagation.ts";
import { sendTold, startSpan } from "./request-span.ts";
import { TRACEPARENT } from "./traceparent.ts";

/** What `open` and `setRequestHeader` said of the next `send`. */
interface Opened {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
}

/** axios (1.21) takes the time itself, a little before, and aborts. */
const EARLY_MS = 50;

interface Flight {
  readonly span: Span;
  readonly sentAt: number;
  doneAt?: number;
  /** Of the answer, while the object still tells it. */
  status: number;
}

/** Traces `XMLHttpRequest`: one CLIENT span for each `send`, with `traceparent` by the same rules as `fetch`. */
export function traceXhr(): WebInstrument {
  return (page) => {
    const opened = new WeakMap<XMLHttpRequest, Opened>();
    const flights = createFlights();
    const stops = [
      patchXhr("open", (xhr, open, args) => {
        flights.note(xhr);
        const result = open();
        // No event tells of the request that this one takes the place of.
        flights.replace(xhr);
        const call = readOpen(args);
        if (call) opened.set(xhr, call);
        else opened.delete(xhr);
        return result;
      }),
      patchXhr("setRequestHeader", (xhr, setHeader, [name, value]) => {
        const result = setHeader();
        opened.get(xhr)?.headers.append(String(name), String(value));
        return result;
      }),
      patchXhr("send", (xhr, send) => {
        // Twice: the browser will say so, and the request goes on.
        const call = flights.has(xhr) ? undefined : opened.get(xhr);
        const span = call && begin(xhr, call, page);
        if (!span) return send();
        flights.start(xhr, span);
        try {
          return sendTold(span, call.url, page.outbox, send);
        } catch (error) {
          // A synchronous request fails by throwing.
          flights.end(
            xhr,
            error instanceof DOMException && error.name === "TimeoutError" ? "timeout" : "error",
          );
          throw error;
        }
      }),
    ];
    return {
      stop: stopAll(stops),
      cut: flights.cut,
    };
  };
}

function patchXhr(
  name: "open" | "setRequestHeader" | "send",
  run: (xhr: XMLHttpRequest, call: () => unknown, args: readonly unknown[]) => unknown,
): Stop {
  return patchMethod(
    XMLHttpRequest.prototype,
    name,
    (native) =>
      function (...args) {
        const call = (): unknown => Reflect.apply(native, this, args);
        return this instanceof XMLHttpRequest ? run(this, call, args) : call();
      },
  );
}

function readOpen([method, url]: readonly unknown[]): Opened | undefined {
  const parsed = parseUrl(String(url), document.baseURI);
  return parsed && /^https?:$/.test(parsed.protocol)
    ? { method: String(method), url: parsed, headers: new Headers() }
    : undefined;
}

/** Adds the header and starts the span; without one when the request is not to be traced or the trace not kept. */
function begin(xhr: XMLHttpRequest, { method, url, headers }: Opened, page: TracedPage): Span | undefined {
  const { propagateTo, ignoreUrls, endpoint } = page.config;
  const rules = { pageOrigin: origin, propagateTo, ignoreUrls: [...ignoreUrls, endpoint] };
  // `send` without `open`: the browser will say so.
  if (xhr.readyState !== XMLHttpRequest.OPENED || isIgnored(rules, url)) return undefined;
  const call = { url, method, headers, mode: undefined };
  const tracing = { ...page, rules, claim: () => undefined };
  const propagation = propagationOf(call, tracing);
  const span = startSpan(call, propagation, tracing);
  const spanContext = span.spanContext();
  if (propagation === "sent" && isSpanContextValid(spanContext))
    xhr.setRequestHeader(TRACEPARENT, traceparentOf(spanContext));
  return span.isRecording() ? span : undefined;
}

type End = "load" | "error" | "abort" | "timeout";

const ENDS: readonly End[] = ["load", "error", "abort", "timeout"];

/** Ends the span of a request once: with the answer, or with what came instead of one. */
function createFlights() {
  const open = new Map<XMLHttpRequest, Flight>();

  function end(xhr: XMLHttpRequest, how: End): void {
    const flight = open.get(xhr);
    if (!flight) return;
    open.delete(xhr);
    const { span, doneAt, status } = flight;
    if (how === "load" && status > 0) span.setAttribute(HTTP_RESPONSE_STATUS_CODE, status);
    if (how === "abort") span.setAttribute(ABORTED, true);
    else if (how !== "load" || status >= 400) setError(span, how, status);
    span.end(doneAt);
  }

  function note(xhr: XMLHttpRequest): void {
    const flight = open.get(xhr);
    if (!flight || xhr.readyState !== XMLHttpRequest.DONE) return;
    flight.doneAt ??= performance.now();
    flight.status ||= xhr.status;
  }

  function listen(xhr: XMLHttpRequest, flight: Flight): void {
    const controller = new AbortController();
    const { signal } = controller;
    xhr.addEventListener("readystatechange", () => note(xhr), { signal });
    for (const how of ENDS) {
      const over = (): void => {
        controller.abort();
        // A listener of the app's, which came first, may have opened the next request on this object.
        if (open.get(xhr) === flight) end(xhr, how === "abort" && isTimeOver(xhr, flight) ? "timeout" : how);
      };
      xhr.addEventListener(how, over, { signal });
    }
  }

  return {
    has: (xhr: XMLHttpRequest) => open.has(xhr),
    start(xhr: XMLHttpRequest, span: Span): void {
      const flight = { span, sentAt: performance.now(), status: 0 };
      open.set(xhr, flight);
      listen(xhr, flight);
    },
    end,
    note,
    /** Another request was opened in its place, by a listener that was told of its end or in the midst of it. */
    replace(xhr: XMLHttpRequest): void {
      const { doneAt, status } = open.get(xhr) ?? {};
      if (doneAt === undefined) end(xhr, "abort");
      else end(xhr, status ? "load" : "error");
    },
    cut(reason: string): void {
      for (const { span, doneAt } of open.values()) {
        span.setAttribute(ENDED_BY, reason);
        span.end(doneAt);
      }
      open.clear();
    },
  };
}

/** Of a short time only a part counts as its end: an abort at once is none that runs out. */
function isTimeOver({ timeout }: XMLHttpRequest, { sentAt }: Flight): boolean {
  return timeout > 0 && performance.now() - sentAt > timeout - Math.min(EARLY_MS, timeout / 10);
}

function setError(span: Span, how: Exclude<End, "abort">, status: number): void {
  const types = { load: String(status), error: "NetworkError", timeout: "TimeoutError" };
  span.setAttribute(ERROR_TYPE, types[how]);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

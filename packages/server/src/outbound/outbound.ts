import type { IncomingMessage } from "node:http";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import type { TextMapPropagator } from "@opentelemetry/api";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { HTTP_ROUTE, requestSpanName } from "@throughline/core/attributes";
import { appendServerTiming } from "../requests/server-timing.ts";
import { isSilenced, silence } from "../requests/silence.ts";

export interface OutboundOptions {
  /** Origins of the collector; requests to them are not traced. */
  readonly ignoredOrigins: readonly string[];
  /** Exact origins that may receive the context; `undefined`: every one. */
  readonly propagateTo: readonly string[] | undefined;
  /** As in OTEL_PROPAGATORS. */
  readonly propagators: readonly string[];
  /** Whether baggage is read from requests: a stranger's would travel to every service behind this one. */
  readonly trustsCaller: boolean;
  /** `undefined`: incoming requests belong to somebody else (Next.js). */
  readonly incoming: IncomingOptions | undefined;
  /** Whether the request that is being taken in is noise; where `incoming` is set, that decides. */
  readonly servesNoise: () => boolean;
}

export interface IncomingOptions {
  /** The route template of a request (`/stock/{sku}`), which plain node:http cannot know. */
  readonly route: ((request: IncomingMessage) => string | undefined) | undefined;
  /** Whether a request is noise: it and what it runs make no spans and send no context. */
  readonly isNoise: (request: IncomingMessage) => boolean;
}

export interface Outbound {
  readonly instrumentations: readonly [HttpInstrumentation, UndiciInstrumentation];
  readonly propagator: TextMapPropagator;
}

/** Spans and `traceparent` for `fetch`, undici and node:http(s); incoming requests too where asked for. */
export function createOutbound(options: OutboundOptions): Outbound {
  const ignored = new Set(options.ignoredOrigins);
  // Both instrumentations ask whether to ignore a request and inject into it in one synchronous run; this hands
  // the origin from the one to the other. The propagator itself sees nothing but headers.
  let destination: string | undefined;
  const isIgnored = (origin: string): boolean => {
    destination = ignored.has(origin) ? undefined : origin;
    return destination === undefined;
  };
  const mayLeave = (): boolean => {
    const to = destination;
    destination = undefined;
    return to === undefined || options.propagateTo === undefined || options.propagateTo.includes(to);
  };
  return {
    instrumentations: [
      httpInstrumentation(options.incoming, isIgnored),
      new UndiciInstrumentation({
        ignoreRequestHook: (request) => isIgnored(originOfUrl(String(request.origin))),
      }),
    ],
    propagator: propagator(options, mayLeave),
  };
}

function httpInstrumentation(
  incoming: IncomingOptions | undefined,
  isIgnored: (origin: string) => boolean,
): HttpInstrumentation {
  return new HttpInstrumentation({
    disableIncomingRequestInstrumentation: incoming === undefined,
    ...(incoming && { ignoreIncomingRequestHook: incoming.isNoise }),
    ignoreOutgoingRequestHook: (request) => isIgnored(originOf(request)),
    applyCustomAttributesOnSpan: (span, request) => {
      // Incoming only: a ClientRequest has no `url`.
      if (!incoming?.route || !("url" in request)) return;
      const route = incoming.route(request);
      if (route === undefined) return;
      span.setAttribute(HTTP_ROUTE, route);
      span.updateName(requestSpanName(request.method ?? "GET", route));
    },
    responseHook: (span, response) => {
      // Incoming only: the answer to a ClientRequest has no headers to add.
      if (incoming && "appendHeader" in response)
        appendServerTiming(response, span.spanContext(), Date.now());
    },
  });
}

function propagator(options: OutboundOptions, mayLeave: () => boolean): TextMapPropagator {
  const traceContext = options.propagators.includes("tracecontext") ? [new W3CTraceContextPropagator()] : [];
  const baggage = options.propagators.includes("baggage") ? [new W3CBaggagePropagator()] : [];
  const all = new CompositePropagator({ propagators: [...traceContext, ...baggage] });
  const read = options.trustsCaller ? all : new CompositePropagator({ propagators: traceContext });
  return {
    inject(context, carrier, setter): void {
      if (mayLeave() && !isSilenced(context)) all.inject(context, carrier, setter);
    },
    // The one place where a context of ours is around the whole request, before Next.js opens its first span.
    extract: (context, carrier, getter) =>
      options.servesNoise() ? silence(context) : read.extract(context, carrier, getter),
    fields: () => all.fields(),
  };
}

/**
 * Makes the patch of node:http reach everybody. It waits for a `require`, which an ESM program never makes, and
 * it changes the CommonJS exports, which named ESM imports copy.
 */
export function touchHttp(): void {
  const require = createRequire(join(process.cwd(), "throughline.cjs"));
  require("node:http");
  require("node:https");
  syncBuiltinESMExports();
}

interface RequestTarget {
  readonly protocol?: string | null | undefined;
  readonly host?: string | null | undefined;
  readonly hostname?: string | null | undefined;
  readonly port?: string | number | null | undefined;
}

function originOf({ protocol, host, hostname, port }: RequestTarget): string {
  const name = hostname ?? host ?? "localhost";
  const authority =
    name.includes(":") && !name.startsWith("[") && /:\d+$/.test(name)
      ? name
      : `${name}${port ? `:${port}` : ""}`;
  return originOfUrl(`${protocol ?? "http:"}//${authority}`);
}

function originOfUrl(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    return "";
  }
}

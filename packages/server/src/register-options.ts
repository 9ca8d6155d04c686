import type { IncomingMessage } from "node:http";
import type { MeterProvider, TracerProvider } from "@opentelemetry/api";

/** An OpenTelemetry instrumentation, by its shape: your own copy of `@opentelemetry/instrumentation-*` fits. */
export interface Instrumentation {
  instrumentationName: string;
  instrumentationVersion: string;
  enable(): void;
  disable(): void;
  setTracerProvider(provider: TracerProvider): void;
  setMeterProvider(provider: MeterProvider): void;
  setConfig(config: { enabled?: boolean }): void;
  getConfig(): { enabled?: boolean };
}

/** A path without the base path, in which `*` stands for anything (`/internal/*`), or a test of the request's head. */
export type IgnoredRequest = string | ((request: IncomingMessage) => boolean);

/** Beside another tracer: replace it, send its spans too, or trace with a provider that nobody else sees. */
export type Mode = (typeof MODES)[number];
export const MODES = ["own", "join", "isolate"] as const;

/** Options of `register` and `startTracing`; each wins over its environment variable. */
export interface RegisterOptions {
  /** `service.name`; without it OTEL_SERVICE_NAME, else the name in package.json. */
  readonly serviceName?: string;
  /**
   * Further instrumentations (pg, redis, …); called only when tracing is on. In Next.js import them in a block
   * `if (process.env.NEXT_RUNTIME === "nodejs") { … }`: webpack compiles the file for the edge runtime too.
   */
  readonly instrumentations?: () => Promise<readonly Instrumentation[]> | readonly Instrumentation[];
  /**
   * Exact origins that outbound requests may carry `traceparent` and `baggage` to; without it every outbound request
   * carries `traceparent`, and none `baggage`.
   */
  readonly propagateTo?: readonly string[];
  /** Outbound requests without span and headers: `https://stats.example.com/hit`, or `/hit` on every origin. */
  readonly ignoreUrls?: readonly string[];
  /**
   * Whose trace a request continues: exact origins of pages besides the app's own, or `"all"`. A page of another site
   * starts a new trace with a link to its own. `startTracing` trusts all when left out.
   */
  readonly trust?: readonly string[] | "all";
  /** Keys of baggage that are taken from callers: none when left out, all where all callers are trusted. */
  readonly acceptBaggage?: readonly string[];
  /**
   * Requests that make no spans, no metrics and no outbound `traceparent`, added to prefetches, health checks and
   * files. `{ only: […] }` takes the place of the health checks.
   */
  readonly ignoreIncoming?: readonly IgnoredRequest[] | { readonly only: readonly IgnoredRequest[] };
  /**
   * What to do where another package has registered OpenTelemetry before (Sentry, `@vercel/otel`); without it
   * THROUGHLINE_MODE, else tracing stays off there and says so.
   */
  readonly mode?: Mode;
}

export const REGISTER_OPTIONS: Readonly<Record<keyof RegisterOptions, true>> = {
  serviceName: true,
  instrumentations: true,
  propagateTo: true,
  ignoreUrls: true,
  trust: true,
  acceptBaggage: true,
  ignoreIncoming: true,
  mode: true,
};

/** What Next.js tells `onRequestError` about the request. */
export interface FailedRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What Next.js tells `onRequestError` about the place. */
export interface FailedRequestContext {
  readonly routerKind: string;
  readonly routePath: string;
  readonly routeType: string;
}

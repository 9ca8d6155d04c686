import { context, propagation, type TracerProvider, trace } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { Sampler, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { startIsolated } from "./coexistence/isolate.ts";
import { startJoined } from "./coexistence/join.ts";
import { printDiagnostics, tellLatecomers } from "./coexistence/latecomers.ts";
import type { Side } from "./coexistence/side.ts";
import type { ContextStorage } from "./context-storage.ts";
import { startInstrumentations, withoutDoubles } from "./libraries/start-instrumentations.ts";
import { tellDoubles } from "./libraries/tell-doubles.ts";
import { type Callers, propagatorOptions, type Served } from "./outbound/call-rules.ts";
import type { CallRules } from "./outbound/calls.ts";
import { hearCacheHits } from "./outbound/next-fetch.ts";
import { traceOutbound } from "./outbound/outbound.ts";
import { createPropagator } from "./outbound/propagator.ts";
import { flushProcess, processState } from "./process-state.ts";
import type { Instrumentation } from "./register-options.ts";
import { flushAfterResponse } from "./requests/after-response.ts";
import { dropBookkeeping, skipBookkeeping } from "./requests/bookkeeping.ts";
import { nextSpans } from "./requests/next-spans.ts";
import { type IncomingOptions, traceNodeRequests } from "./requests/node-requests.ts";
import { traceNodeUpgrades } from "./requests/node-upgrades.ts";
import type { ResponseRecord, ResponseRecords } from "./requests/response-record.ts";
import { traceRouterAnswers } from "./requests/router-answers.ts";
import { type ServerConfig, spanLimitsOf } from "./settings.ts";
import { createTracerProvider, type RequestTracerProvider } from "./tracer/tracer.ts";
import type { Tracing } from "./tracing.ts";
import { VERSION } from "./version.ts";

export interface Parts {
  readonly config: ServerConfig;
  readonly isNext: boolean;
  readonly rules: CallRules;
  readonly callers: Callers;
  /** Of the app. */
  readonly instrumentations: readonly Instrumentation[];
  readonly incoming: Pick<IncomingOptions, "route" | "isNoise">;
  readonly storage: ContextStorage<ResponseRecord>;
  readonly records: ResponseRecords;
  readonly resource: Resource;
  readonly sampler: Sampler;
  /** Where each span goes when it is whole. */
  readonly end: SpanProcessor;
}

/** Starts the tracing of this process, alone or beside another tracer. */
export function runBeside(side: Side, parts: Parts): Tracing {
  switch (side.way) {
    case "own":
      return runOwn(parts);
    case "join":
      return runJoined(side, parts);
    case "isolate":
      return runIsolated(parts);
  }
}

/** With every global of OpenTelemetry. */
function runOwn(parts: Parts): Tracing {
  const { config, storage, records, end, callers } = parts;
  const processor = lineTo(nextSpans(end, records), records);
  const propagator = createPropagator(propagatorOptions(config, callers, servedBy(parts)));
  const stopTelling = tellLatecomers(config.diagnosticsLevel);
  context.setGlobalContextManager(storage.manager.enable());
  propagation.setGlobalPropagator(propagator);
  const provider = createProvider(parts, processor);
  listenToNext(provider);
  tellDoubles(provider);
  if (parts.isNext) {
    const { pages } = processState();
    records.decideBy(({ headers, url = "/" }) => {
      if (headers["sec-fetch-site"] === "same-origin" && String(headers.traceparent).endsWith("-01"))
        pages.requests++;
      return provider.decide(propagator.lookAt(headers), url);
    });
  }
  trace.setGlobalTracerProvider(provider);
  const stopInstruments = startInstruments(parts);
  return {
    flush: () => processor.forceFlush(),
    async stop(): Promise<void> {
      stopInstruments();
      stopTelling();
      await processor.shutdown();
      for (const api of [trace, context, propagation]) api.disable();
    },
  };
}

/** What another provider's tracers make; the calls out are instrumented by whoever has that provider. */
function runJoined(side: Extract<Side, { way: "join" }>, parts: Parts): Tracing {
  const { config, records, end, instrumentations } = parts;
  printDiagnostics(config.diagnosticsLevel);
  const processor = lineTo(dropBookkeeping(nextSpans(end, records)), records);
  return {
    flush: () => processor.forceFlush(),
    stop: startJoined({ side, processor, instrumentations, servesNoise: servesNoise(records) }),
  };
}

/** With a provider that nobody else sees. */
function runIsolated(parts: Parts): Tracing {
  const { config, incoming, storage, records, rules, end, callers } = parts;
  printDiagnostics(config.diagnosticsLevel);
  const processor = lineTo(nextSpans(end, records), records);
  const tracer = createProvider(parts, processor).getTracer("@throughline/server", VERSION);
  const propagator = createPropagator(propagatorOptions(config, callers, servedBy(parts)));
  const stop = startIsolated({ tracer, storage, rules, incoming, propagator });
  return {
    flush: () => processor.forceFlush(),
    async stop(): Promise<void> {
      stop();
      await processor.shutdown();
    },
  };
}

function createProvider(
  { config, resource, sampler }: Parts,
  processor: SpanProcessor,
): RequestTracerProvider {
  return createTracerProvider({ sampler, processor, resource, limits: spanLimitsOf(config) });
}

/** Ours, and what the caller brought; after the provider is global, so that one with its own copy of the api finds it too. */
function startInstruments(parts: Parts): () => void {
  const { isNext, rules, incoming, storage, records, instrumentations } = parts;
  const stops = [startInstrumentations(withoutDoubles(instrumentations), trace.getTracerProvider())];
  const tracer = trace.getTracer("@throughline/server", VERSION);
  stops.push(
    traceOutbound(tracer, rules, {
      callerHeader: () => records.current()?.response.req.headers.traceparent,
      ...(isNext && { enter: traceRouterAnswers(tracer, records) }),
    }),
  );
  // In Next.js the SERVER spans are Next.js's own.
  if (!isNext)
    stops.push(
      traceNodeRequests(tracer, { ...incoming, enter: storage.enter, bind: storage.bind }),
      traceNodeUpgrades(tracer, { ...incoming, contexts: storage.manager }),
    );
  return () => {
    for (const stop of stops) stop();
  };
}

/** What a span passes on its way out. */
function lineTo(next: SpanProcessor, records: ResponseRecords): SpanProcessor {
  return flushAfterResponse({
    next,
    // One for each response: a collector that asked for peace has it from the spans.
    flush: () => flushProcess(true),
    response: () => records.current()?.response,
  });
}

/** Takes what is no work of the app's out of Next.js's spans before they are made. */
function listenToNext(provider: TracerProvider): void {
  skipBookkeeping(provider);
  hearCacheHits(provider);
}

function servedBy({ records, storage }: Parts): Served {
  return {
    isNoise: servesNoise(records),
    traceId: () => trace.getSpanContext(storage.manager.active())?.traceId,
  };
}

function servesNoise(records: ResponseRecords): () => boolean {
  return () => records.current()?.isNoise === true;
}

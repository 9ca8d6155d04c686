import { type ContextManager, context, propagation, type TextMapPropagator, trace } from "@opentelemetry/api";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import type { Resource } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { Sampler, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createContextStorage } from "./context-storage.ts";
import { unpatchedLibraries } from "./libraries/unpatched-libraries.ts";
import { say, warnOnce } from "./log.ts";
import { metricsWhenAsked } from "./metrics/metrics-when-asked.ts";
import { callRules } from "./outbound/call-rules.ts";
import type { CallRules } from "./outbound/calls.ts";
import { traceOutbound } from "./outbound/outbound.ts";
import { createPropagator } from "./outbound/propagator.ts";
import { createExporting, printDestination } from "./pipeline/exporter.ts";
import { redactUrls } from "./pipeline/redact-urls.ts";
import { flushBeforeExit } from "./pipeline/shutdown.ts";
import { flushProcess, processState, type Tracing } from "./process-state.ts";
import type { Instrumentation, RegisterOptions } from "./register-options.ts";
import { flushAfterResponse } from "./requests/after-response.ts";
import { skipBookkeeping } from "./requests/bookkeeping.ts";
import { nextSpans } from "./requests/next-spans.ts";
import { type IncomingOptions, traceNodeRequests } from "./requests/node-requests.ts";
import { createNoiseTest } from "./requests/noise.ts";
import { recordRequestError } from "./requests/request-error.ts";
import { type ResponseRecord, type ResponseRecords, recordResponses } from "./requests/response-record.ts";
import { createSampler } from "./requests/sampler.ts";
import { traceServerActions } from "./requests/server-actions.ts";
import { createResource, serviceNameOf } from "./resource/resource.ts";
import { basePath, buildFolder, type ServerConfig, sampleRatioOf, spanLimitsOf } from "./settings.ts";
import { withSpan } from "./spans/with-span.ts";
import { createTracerProvider } from "./tracer/tracer.ts";
import { VERSION } from "./version.ts";

export interface StartOptions extends RegisterOptions {
  /** Next.js opens the SERVER spans itself; elsewhere node:http does. */
  readonly host: "next" | "node";
  /** The route template of a request, where the host is not Next.js. */
  readonly route?: IncomingOptions["route"];
}

/** Wires sampler, processors, exporter, instrumentations and shutdown into one running SDK. */
export async function start(config: ServerConfig, options: StartOptions): Promise<Tracing> {
  // First, because these are the caller's and may throw: nothing must have been touched then.
  const rules = callRules(config, options);
  const extra = (await options.instrumentations?.()) ?? [];
  // It may throw too, when a certificate cannot be read.
  const exporting = createExporting(config);
  const isNext = options.host === "next";
  const isNoise = noiseTest(config, options);
  const storage = createContextStorage<ResponseRecord>();
  const records = isNext ? recordResponses(isNoise, storage.requests) : undefined;
  const resource = createResource(config);
  const metrics = await metricsWhenAsked(config, { resource, isNoise });
  const processor = lineTo(metrics.measure(redactUrls(exporting.processor)), records);
  const stopLogs = await startLogs(config, resource);
  const propagator = createPropagator({
    propagators: config.propagators,
    trustsCaller: !isNext,
    servesNoise: () => records?.current()?.isNoise === true,
  });
  const sdk = startSdk(storage.manager, propagator);
  const sampler = metrics.record(samplerOf(config, isNext));
  startTracer(config, { processor, resource, sampler, isNext });
  const incoming = isNext ? undefined : { route: options.route, isNoise, enter: storage.enter };
  const stopInstruments = startInstruments(rules, incoming, extra);
  sayUnpatched(extra, isNext);

  const leaveNext = records ? joinNext(records) : () => undefined;
  const state = processState();
  const flush = (): Promise<void> => processor.forceFlush();
  state.flushers.add(flush);
  state.spanCounts = exporting.counts;
  const undoExit = flushBeforeExit({ flush: flushProcess, signals: !isNext });
  sayStarted(config);

  return {
    flush: flushProcess,
    async stop(): Promise<void> {
      undoExit();
      state.flushers.delete(flush);
      Object.assign(state, { spanCounts: undefined, tracing: undefined });
      stopInstruments();
      await Promise.allSettled([processor.shutdown(), sdk.shutdown(), metrics.stop(), stopLogs()]);
      leaveNext();
      for (const api of [trace, context, propagation]) api.disable();
    },
  };
}

/** What Next.js tells of its requests besides its spans. Returns the undoing. */
function joinNext(records: ResponseRecords): () => void {
  const state = processState();
  state.requestFailed = (error) => recordRequestError(records.current(), error);
  const stopActions = traceServerActions({
    request: () => records.current()?.response.req,
    openSpan: (name, attributes, fn) => withSpan(name, { attributes }, fn),
  });
  return () => {
    stopActions();
    state.requestFailed = undefined;
    records.stop();
  };
}

/** Everything of OpenTelemetry's SDK but the tracer provider: docs/decisions/0014-server-tracer.md. */
function startSdk(contextManager: ContextManager, textMapPropagator: TextMapPropagator): NodeSDK {
  const sdk = new NodeSDK({
    autoDetectResources: false,
    contextManager,
    textMapPropagator,
    // Empty lists, because without them the SDK starts OTLP exporters by itself, and a tracer provider of its own.
    spanProcessors: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  return sdk;
}

interface TracerParts {
  readonly processor: SpanProcessor;
  readonly resource: Resource;
  readonly sampler: Sampler;
  readonly isNext: boolean;
}

function startTracer(config: ServerConfig, { processor, resource, sampler, isNext }: TracerParts): void {
  const provider = createTracerProvider({
    sampler,
    processor,
    resource,
    limits: spanLimitsOf(config),
  });
  if (isNext) skipBookkeeping(provider);
  trace.setGlobalTracerProvider(provider);
}

function samplerOf(config: ServerConfig, isNext: boolean): Sampler {
  const { sampler: name, ingestPath } = config;
  return createSampler({ name, ratio: sampleRatioOf(config).ratio, ingestPath, trustsCaller: !isNext });
}

/** Ours, and what the caller brought; after the provider is global, so that one with its own copy of the api finds it too. */
function startInstruments(
  rules: CallRules,
  incoming: IncomingOptions | undefined,
  extra: readonly Instrumentation[],
): () => void {
  registerInstrumentations({ instrumentations: [...extra] });
  const tracer = trace.getTracer("@throughline/server", VERSION);
  const stops = [traceOutbound(tracer, rules)];
  if (incoming) stops.push(traceNodeRequests(tracer, incoming));
  return () => {
    for (const each of extra) each.disable();
    for (const stop of stops) stop();
  };
}

/** What a span passes on its way out. */
function lineTo(end: SpanProcessor, records: ResponseRecords | undefined): SpanProcessor {
  return flushAfterResponse({
    next: records ? nextSpans(end, records.current) : end,
    flush: flushProcess,
    response: () => records?.current()?.response,
  });
}

function noiseTest({ ingestPath }: ServerConfig, { ignoreIncoming }: StartOptions) {
  return createNoiseTest({ basePath: basePath(), ingestPath, ignoreIncoming });
}

/** Behind a dynamic import: who does not export logs does not load what it takes. */
async function startLogs(config: ServerConfig, resource: Resource): Promise<() => Promise<void>> {
  if (config.logsExporter === "none") return () => Promise.resolve();
  const { startLogExport } = await import("./logs/export-logs.ts");
  return startLogExport(config, resource).stop;
}

function sayUnpatched(instrumentations: readonly Instrumentation[], isNext: boolean): void {
  const folders = { app: process.cwd(), build: isNext ? buildFolder() : undefined };
  for (const sentence of unpatchedLibraries(instrumentations, folders)) warnOnce(sentence);
}

function sayStarted(config: ServerConfig): void {
  const { ratio, why } = sampleRatioOf(config);
  const sampler = config.sampler || "parentbased_traceidratio";
  const share = sampler.includes("ratio") ? ` ${ratio} (${why})` : "";
  say(
    "info",
    `tracing on, ${serviceNameOf(config)} → ${printDestination(config)}, sampler ${sampler}${share}, version ${VERSION}, node ${process.versions.node}`,
  );
}

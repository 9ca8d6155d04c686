import type { Resource } from "@opentelemetry/resources";
import { appFolder, buildFolder } from "./app-folder.ts";
import { apiCopies } from "./coexistence/api-copies.ts";
import { chooseSide, type Side } from "./coexistence/side.ts";
import { createContextStorage } from "./context-storage.ts";
import { guarded } from "./guarded.ts";
import { type AppFolders, unpatchedLibraries } from "./libraries/unpatched-libraries.ts";
import { say, warnOnce } from "./log.ts";
import { metricsWhenAsked } from "./metrics/metrics-when-asked.ts";
import { callRules, trustOf } from "./outbound/call-rules.ts";
import { atMost } from "./pipeline/at-most.ts";
import { createExporting, printDestination } from "./pipeline/exporter.ts";
import { FLUSH_MS } from "./pipeline/flush.ts";
import { redactUrls } from "./pipeline/redact-urls.ts";
import { flushBeforeExit, type ShutdownOptions } from "./pipeline/shutdown.ts";
import { printUrl, tracesTarget } from "./pipeline/signal-target.ts";
import { processTroubles, type Troubles } from "./pipeline/troubles.ts";
import { flusherOf, flushProcess, mayHaveWork, processState } from "./process-state.ts";
import type { Instrumentation, RegisterOptions } from "./register-options.ts";
import { hideBookkeeping } from "./requests/bookkeeping.ts";
import type { IncomingOptions } from "./requests/node-requests.ts";
import { type AppPaths, createNoiseTest } from "./requests/noise.ts";
import { recordRequestError } from "./requests/request-error.ts";
import { type ResponseRecord, type ResponseRecords, recordResponses } from "./requests/response-record.ts";
import { createSampler } from "./requests/sampler.ts";
import { traceServerActions } from "./requests/server-actions.ts";
import { createResource, serviceNameOf } from "./resource/resource.ts";
import { runBeside } from "./run-beside.ts";
import { type BuiltApp, type ServerConfig, sampleRatioOf, webRatio } from "./settings.ts";
import { withSpan } from "./spans/with-span.ts";
import type { Tracing } from "./tracing.ts";
import { VERSION } from "./version.ts";

export interface StartOptions extends RegisterOptions {
  /** Next.js opens the SERVER spans itself; elsewhere node:http does. */
  readonly host: "next" | "node";
  /** The route template of a request, where the host is not Next.js. */
  readonly route?: IncomingOptions["route"];
  /** What is known of the app that calls. */
  readonly app?: BuiltApp;
}

/** Wires sampler, processors, exporter, instrumentations and shutdown into one running SDK. */
export async function start(config: ServerConfig, options: StartOptions): Promise<Tracing> {
  // First, because these are the caller's and may throw: nothing must have been touched then.
  const rules = callRules(config, options);
  // `getNodeAutoInstrumentations()` is a list, and OpenTelemetry takes lists in a list.
  const extra = ((await options.instrumentations?.()) ?? []).flat();
  const troubles = processTroubles();
  // It may throw too, when a certificate cannot be read.
  const exporting = createExporting(config, troubles);
  const isNext = options.host === "next";
  const trust = trustOf(options, isNext);
  // A custom server that starts tracing first hears of the app later, a plain service never.
  const paths: AppPaths = { basePath: "", ingestPath: config.ingestPath, ...options.app };
  const isNoise = createNoiseTest({ paths, ignoreIncoming: options.ignoreIncoming });
  const side = chooseSide(config.mode);
  const storage = createContextStorage<ResponseRecord>();
  // Elsewhere than in Next.js too: a custom server may hold it.
  const records = recordResponses(isNoise, storage.requests);
  const resource = createResource(config);
  const metrics = await metricsWhenAsked(config, { resource, isNoise, troubles });
  const stopLogs = await startLogs(config, resource, troubles);
  const running = runBeside(side, {
    config,
    isNext,
    rules,
    callers: { trust, acceptBaggage: options.acceptBaggage },
    instrumentations: extra,
    incoming: { route: options.route, isNoise },
    storage,
    records,
    resource,
    sampler: metrics.record(samplerOf(config, trust === "all", paths, records)),
    end: metrics.measure(redactUrls(exporting.processor)),
  });
  sayUnpatched(extra, { app: appFolder(), build: isNext ? buildFolder() : undefined });
  for (const sentence of apiCopies(appFolder())) warnOnce(sentence);

  const leaveNext = joinNext(records, side.way, (app) => {
    Object.assign(paths, app);
    records.tellPages(app.webRatio !== undefined && app.webRatio === webRatio(config));
    if (!isNext) sayUnpatched(extra, { app: appFolder(), build: buildFolder(), isLate: true });
  });
  const state = processState();
  const flush = flusherOf(exporting.isAskedToWait, () => running.flush());
  state.flushers.add(flush);
  Object.assign(state, { spanCounts: exporting.counts, started: { way: side.way, config } });
  const undoExit = flushBeforeExit({
    flush: flushProcess,
    counts: exporting.counts,
    where: printUrl(tracesTarget(config).url),
    ...endOf(isNext),
  });
  sayStarted(config);

  return {
    // Whatever a listener that this is given to calls it with.
    flush: () => flushProcess(),
    async stop(): Promise<void> {
      undoExit();
      state.flushers.delete(flush);
      Object.assign(state, { spanCounts: undefined, started: undefined, tracing: undefined });
      // The SDKs of metrics and logs wait for up to half a minute.
      await atMost(FLUSH_MS, Promise.allSettled([running.stop(), metrics.stop(), stopLogs()]));
      leaveNext();
    },
  };
}

/** How the host ends. */
function endOf(isNext: boolean): Pick<ShutdownOptions, "hasWork" | "isSignalHeard"> {
  return {
    // Next.js ends its requests while it is held.
    hasWork: isNext ? () => true : mayHaveWork,
    // Next.js listens before it loads instrumentation.ts, unless a custom server runs it, or it was told not to.
    isSignalHeard: (signal) => isNext && process.listenerCount(signal) > 0,
  };
}

function samplerOf(config: ServerConfig, trustsCaller: boolean, paths: AppPaths, records: ResponseRecords) {
  return createSampler({
    name: config.sampler,
    ratio: sampleRatioOf(config).ratio,
    trustsCaller,
    paths,
    isUnseenNoise: records.isEarlyNoise,
  });
}

/** What Next.js tells of its requests besides its spans, from `register` on. Returns the undoing. */
function joinNext(records: ResponseRecords, way: Side["way"], hear: (app: BuiltApp) => void): () => void {
  const state = processState();
  state.requestFailed = (error, path) => recordRequestError(records.current(), error, path);
  let stopActions: (() => void) | undefined;
  let showBookkeeping: (() => void) | undefined;
  state.joinNext = (app) => {
    if (stopActions) return;
    hear(app);
    // Of another provider's spans none is taken.
    if (way === "own") showBookkeeping = hideBookkeeping();
    stopActions = traceServerActions({
      request: () => records.current()?.response.req,
      openSpan: (name, attributes, fn) => withSpan(name, { attributes }, fn),
    });
  };
  return () => {
    stopActions?.();
    showBookkeeping?.();
    Object.assign(state, { requestFailed: undefined, joinNext: undefined });
    records.stop();
  };
}

/** Behind a dynamic import: who does not export logs does not load what it takes. */
async function startLogs(
  config: ServerConfig,
  resource: Resource,
  troubles: Troubles,
): Promise<() => Promise<void>> {
  if (config.logsExporter === "none") return () => Promise.resolve();
  const { startLogExport } = await import("./logs/export-logs.ts");
  return startLogExport(config, resource, troubles).stop;
}

const sayUnpatched = guarded((instrumentations: readonly Instrumentation[], folders: AppFolders): void => {
  // What plain JavaScript may hand over besides was told when it was to be started.
  const known = instrumentations.filter((each) => typeof each === "object" && each !== null);
  for (const sentence of unpatchedLibraries(known, folders)) warnOnce(sentence);
}, "the libraries could not be looked at");

function sayStarted(config: ServerConfig): void {
  const { ratio, why } = sampleRatioOf(config);
  const sampler = config.sampler || "parentbased_traceidratio";
  const share = sampler.includes("ratio") ? ` ${ratio} (${why})` : "";
  say(
    "info",
    `tracing on, ${serviceNameOf(config)} → ${printDestination(config)}, sampler ${sampler}${share}, version ${VERSION}, node ${process.versions.node}`,
  );
}

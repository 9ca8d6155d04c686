import { DEFAULT_INGEST_PATH, TEST_GLOBAL } from "@throughline/core/attributes";
import type { Registration } from "../context/registrations.ts";
import { type ConsentedRun, type ConsentGate, setConsent, traceUnderConsent } from "../identity/consent.ts";
import { isSessionSampled, type ServedDecision } from "../identity/session-sampling.ts";
import type { WebTracingOptions } from "../options.ts";
import { parseUrl } from "../request/parse-url.ts";
import type { PropagationRules } from "../request/propagation.ts";
import { NO_TRACING, page, RUNNING, type Running, type WebTracing } from "../running.ts";
import { newTraceId } from "../trace/ids.ts";
import { newKeptTraceId } from "../trace/trace-share.ts";
import type { EarlyListener, EarlyWork } from "./early-work.ts";
import { startStub } from "./stub.ts";

/** Starts the tracing itself; `early` is what came before it. */
export type StartWhole = (options: WebTracingOptions, early: EarlyWork) => WebTracing;

/**
 * Starts the stub, and loads the tracing itself when this session is sampled. An unsampled session loads nothing
 * more: its requests tell the server to keep no trace.
 */
export function startLazily(
  options: WebTracingOptions,
  load: () => Promise<StartWhole>,
  served?: ServedDecision,
): WebTracing {
  if (!("document" in globalThis)) return NO_TRACING;
  const test = page[TEST_GLOBAL];
  let whole: WebTracing | undefined;
  let loading = Promise.resolve();
  const flush = (): Promise<void> => loading.then(() => whole?.flush());

  function run(consent: ConsentGate, inherited: readonly Registration[]): ConsentedRun<typeof inherited> {
    const { sampleRatio: ratio = 1 } = options;
    // A test needs every span, who has not answered must not be remembered, and of a bad ratio the whole will tell.
    const everybody = !!test || !consent.isGranted || !(ratio >= 0 && ratio < 1);
    const ids = everybody ? newTraceId : () => newKeptTraceId(ratio);
    const early =
      everybody || isSessionSampled(ratio, served)
        ? { requests: [], clicks: [], errors: [], listeners: new Set<EarlyListener>(), newTraceId: ids }
        : undefined;
    const stub = startStub(rulesOf(options, consent), early);
    let on = true;
    if (early) {
      // Not in the task in which a page starts, which is long already. The whole takes the stub off as it starts, in one
      // task: no request falls between the two.
      loading = new Promise((resolve) => setTimeout(resolve))
        .then(load)
        .then((startWhole) => {
          if (on) whole = startWhole(everybody ? options : { ...options, sampleRatio: 1 }, early);
        })
        .catch((problem: unknown) => {
          stub.forget();
          tellLoss(problem);
        });
    }
    return {
      flush,
      halt() {
        on = false;
        stub.stop();
        return inherited;
      },
    };
  }

  const consented = traceUnderConsent(options.consent ?? "granted", run, page[RUNNING]?.halt() ?? []);
  const running: Running = {
    halt() {
      if (page[RUNNING] !== running) return [];
      page[RUNNING] = undefined;
      if (test?.flush === flush) test.flush = undefined;
      return consented.halt();
    },
    flush,
    async stop() {
      if (page[RUNNING] === running) consented.forget();
      running.halt();
      await whole?.stop();
    },
    setConsent,
  };
  page[RUNNING] = running;
  if (test) test.flush = flush;
  return running;
}

/** The options are not checked here: what is no URL matches none, and the whole will tell of it. */
function rulesOf(options: WebTracingOptions, consent: ConsentGate): PropagationRules {
  const { endpoint = `${DEFAULT_INGEST_PATH}/v1/traces`, propagateTo = [], ignoreUrls = [] } = options;
  return {
    rules: {
      pageOrigin: origin,
      propagateTo: propagateTo.map((text) => parseUrl(text)?.origin ?? text),
      ignoreUrls: [...ignoreUrls, parseUrl(endpoint, document.baseURI)?.href ?? endpoint],
    },
    propagation: () => (consent.isGranted ? (options.propagation ?? "same-origin") : "consent"),
  };
}

function tellLoss(problem: unknown): void {
  // biome-ignore lint/suspicious/noConsole: OpenTelemetry's own logger is part of what did not load
  console.warn(`@throughline/web: untraced: ${problem}`);
}

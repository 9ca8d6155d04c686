import { printTraceparent } from "@throughline/core";
import { interactiveElement } from "../interaction/click-label.ts";
import { type FetchCall, isPrefetch, understandCall, withHeader } from "../request/fetch-call.ts";
import { type PropagationRules, propagationOf } from "../request/propagation.ts";
import { TRACEPARENT, unsampledTraceparent } from "../request/traceparent.ts";
import { newSpanId } from "../trace/ids.ts";
import type { EarlyClick, EarlyListener, EarlyRequest, EarlyWork } from "./early-work.ts";

/** As long a click may be taken for the parent of a request when tracing itself has to guess. */
const GUESS_MS = 1000;

/** Nearly as many as are told in a minute. */
const MAX_ERRORS = 9;
const NOTED = ["click", "error", "unhandledrejection"];

export interface Stub {
  /** Requests and clicks from now on belong to no trace that is kept. */
  readonly forget: () => void;
  readonly stop: () => void;
}

type Fetch = (...args: unknown[]) => unknown;

/**
 * What propagation needs and nothing else: each `fetch` tells the server whether its trace is kept. Where it is,
 * `early` gets what the spans are made of later.
 */
export function startStub(tracing: PropagationRules, early: EarlyWork | undefined): Stub {
  let work = early;
  let on = true;
  const { fetch: native } = globalThis;

  function run(call: FetchCall, fetch: Fetch): unknown {
    const propagation = propagationOf(call, tracing);
    const send = (traceparent: string): unknown =>
      fetch(...(propagation === "sent" ? withHeader(call, TRACEPARENT, traceparent) : call.args));
    if (!work || isPrefetch(call)) return send(unsampledTraceparent());
    const click = onlyClick(work.clicks);
    const request: EarlyRequest = {
      traceId: click?.traceId ?? work.newTraceId(),
      spanId: newSpanId(),
      call,
      propagation,
      click,
      startedAt: performance.now(),
    };
    work.requests.push(request);
    return follow(request, send(printTraceparent({ ...request, sampled: true })));
  }

  const patched = function (this: unknown, ...args: unknown[]): unknown {
    const fetch: Fetch = (...changed) => Reflect.apply(native, this, changed);
    const call = on && understandCall(args, tracing.rules);
    return call ? run(call, fetch) : fetch(...args);
  } as typeof native;
  const note = (event: Event): void => {
    if (event.type !== "click") {
      // Not those of images, which have another target.
      if (event.target === window && !work?.errors[MAX_ERRORS]) work?.errors.push(event);
      return;
    }
    const element = event.isTrusted ? interactiveElement(event) : undefined;
    if (!element) return;
    const startedAt = performance.now();
    work?.clicks.push({ traceId: work.newTraceId(), spanId: newSpanId(), element, startedAt });
  };
  // Not by assignment, which throws where a script locked it.
  Reflect.set(globalThis, "fetch", patched);
  if (work) for (const type of NOTED) window.addEventListener(type, note, true);
  const leaveListeners = work && noteListeners(work.listeners);
  const forget = (): void => {
    work = undefined;
    leaveListeners?.();
    for (const type of NOTED) window.removeEventListener(type, note, true);
  };
  return {
    forget,
    stop() {
      forget();
      on = false;
      if (globalThis.fetch === patched) globalThis.fetch = native;
    },
  };
}

/** Notes the listeners of what opens a span; the tracing adds them once more, so that they run in its context. */
function noteListeners(noted: Set<EarlyListener>): () => void {
  const methods = EventTarget.prototype;
  const { addEventListener: add, removeEventListener: remove } = methods;
  let on = true;
  function noting(this: EventTarget | undefined, ...args: Parameters<typeof add>): void {
    if (on && this && /^(click|submit|key)/.test(args[0])) {
      const listener: EarlyListener = [this, ...args];
      noted.add(listener);
      // One that has gone by itself must not come back.
      if (Object(args[2]).once) add.call(this, args[0], () => noted.delete(listener), args[2]);
    }
    add.apply(this, args);
  }
  function forgetting(this: EventTarget | undefined, ...args: Parameters<typeof remove>): void {
    remove.apply(this, args);
    for (const listener of noted)
      if (listener[0] === this && listener[1] === args[0] && listener[2] === args[1]) noted.delete(listener);
  }
  Reflect.set(methods, "addEventListener", noting);
  Reflect.set(methods, "removeEventListener", forgetting);
  return () => {
    on = false;
    if (methods.addEventListener === noting) methods.addEventListener = add;
    if (methods.removeEventListener === forgetting) methods.removeEventListener = remove;
  };
}

/** The click a request may belong to: never one of two. */
function onlyClick(clicks: readonly EarlyClick[]): EarlyClick | undefined {
  const since = performance.now() - GUESS_MS;
  const [click, other] = clicks.filter(({ startedAt }) => startedAt > since);
  return other ? undefined : click;
}

function follow(request: EarlyRequest, answer: unknown): Promise<unknown> {
  const settle = (failed: boolean, value: unknown): void => {
    request.outcome = { at: performance.now(), failed, value };
    request.onOutcome?.(request.outcome);
  };
  return Promise.resolve(answer).then(
    (response) => {
      settle(false, response);
      return response;
    },
    (error: unknown) => {
      settle(true, error);
      throw error;
    },
  );
}

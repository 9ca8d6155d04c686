import type { Stop } from "../patch-method.ts";
import { forgetStored } from "./page-storage.ts";

/**
 * What the visitor allows: `pending` holds everything back until they have answered; `gpc` is `denied` where the
 * browser sends Global Privacy Control, else `granted`: https://w3c.github.io/gpc/#javascript-property-to-detect-preference
 */
export type Consent = "granted" | "pending" | "denied" | "gpc";
export type ConsentAnswer = "granted" | "denied";

export interface ConsentGate {
  /** Whether spans may be sent, headers written and storage used. */
  readonly isGranted: () => boolean;
  /** Calls once, after the start or when what was pending is granted. */
  readonly onGranted: (run: () => void) => void;
}

/** Tracing that consent can end and begin again; `Left` is what one run leaves to the next. */
export interface ConsentedRun<Left> {
  /** Leaves the page as it was. */
  readonly halt: () => Left;
  readonly flush: () => Promise<void>;
}

export interface Consented<Left> extends Pick<ConsentedRun<Left>, "halt" | "flush"> {
  /** Forgets the visitor's answer too; call it after `halt`. */
  readonly forget: Stop;
}

/** In the page, not in the module: the app may hold a copy of this module that is not the one that traces. */
const ANSWER = Symbol.for("throughline.consent");
const page = globalThis as { [ANSWER]?: { answer?: ConsentAnswer; apply?: (() => void) | undefined } };

/**
 * The visitor's answer, for as long as this page lives; before or after the start, and as often as it changes.
 * `denied` takes tracing off the page and removes all that it stored; nothing that was not sent will be.
 */
export function setConsent(answer: ConsentAnswer): void {
  page[ANSWER] ??= {};
  // Whatever else it is given is no consent.
  page[ANSWER].answer = answer === "granted" ? answer : "denied";
  page[ANSWER].apply?.();
}

/** Sends nothing any more once a run was denied. */
export function fetchWhileGranted(
  fetch: typeof globalThis.fetch,
  consent: ConsentGate,
): typeof globalThis.fetch {
  return (...args) =>
    consent.isGranted() ? fetch(...args) : Promise.reject(new Error("the visitor did not consent"));
}

/** Traces while the visitor allows it: with a `denied`, nothing runs. */
export function traceUnderConsent<Left>(
  asked: Consent,
  start: (gate: ConsentGate, inherited: Left) => ConsentedRun<Left>,
  inherited: Left,
): Consented<Left> {
  page[ANSWER] ??= {};
  const held = page[ANSWER];
  let left = inherited;
  let run: ConsentedRun<Left> | undefined;
  /** Each run has its own: what a denied one still holds must not pass when the next is granted. */
  let gate = createGate();

  function apply(): void {
    const state = held.answer ?? (asked === "gpc" ? globalPrivacyControl() : asked);
    if (state === "denied") {
      gate.close();
      left = run?.halt() ?? left;
      run = undefined;
      forgetStored();
      return;
    }
    if (!run) gate = createGate();
    if (state === "granted") gate.open();
    run ??= start(gate, left);
    if (state === "granted") gate.tell();
  }

  held.apply = apply;
  apply();
  return {
    halt() {
      if (held.apply === apply) held.apply = undefined;
      return run?.halt() ?? left;
    },
    flush: () => run?.flush() ?? Promise.resolve(),
    forget() {
      delete held.answer;
    },
  };
}

function createGate() {
  let isGranted = false;
  const waiting: (() => void)[] = [];
  return {
    isGranted: () => isGranted,
    onGranted(call: () => void): void {
      waiting.push(call);
    },
    open(): void {
      isGranted = true;
    },
    tell(): void {
      for (const call of waiting.splice(0)) call();
    },
    close(): void {
      isGranted = false;
    },
  };
}

function globalPrivacyControl(): ConsentAnswer {
  return (navigator as { readonly globalPrivacyControl?: boolean }).globalPrivacyControl
    ? "denied"
    : "granted";
}

import type { Stop } from "../patch-method.ts";
import { forgetStored } from "./page-storage.ts";

/**
 * What the visitor allows: `pending` holds everything back until they have answered; `gpc` is `denied` where the
 * browser sends Global Privacy Control, else `granted`: https://w3c.github.io/gpc/#javascript-property-to-detect-preference
 */
export type Consent = "granted" | "pending" | "denied" | "gpc";
export type ConsentAnswer = "granted" | "denied";

/** Of one run: what a denied one still holds must not pass when the next is granted. */
export interface ConsentGate {
  /** Whether spans may be sent, headers written and storage used. */
  isGranted: boolean;
  /** Called once, after the start or when what was pending is granted. */
  readonly whenGranted: (() => void)[];
}

/** Tracing that consent can end and begin again; `Left` is what one run leaves to the next. */
export interface ConsentedRun<Left> {
  /** Leaves the page as it was. */
  readonly halt: () => Left;
  readonly flush: () => Promise<void>;
}

export interface Consented<Left> extends Pick<ConsentedRun<Left>, "halt" | "flush"> {
  /** Forgets the visitor's answer too. */
  readonly forget: Stop;
}

/** In the page, not in the module: the app may hold a copy of this module that is not the one that traces. */
const ANSWER = Symbol.for("throughline.consent");
const page = globalThis as { [ANSWER]?: HeldAnswer };

interface HeldAnswer {
  answer?: ConsentAnswer | undefined;
  apply?: (() => void) | undefined;
}

/**
 * The visitor's answer, for as long as this page lives; before or after the start, and as often as it changes.
 * `denied` takes tracing off the page and removes all that it stored; nothing that was not sent will be.
 */
export function setConsent(answer: ConsentAnswer): void {
  const held = heldAnswer();
  // Whatever else it is given is no consent.
  held.answer = answer === "granted" ? answer : "denied";
  held.apply?.();
}

function heldAnswer(): HeldAnswer {
  page[ANSWER] ??= {};
  return page[ANSWER];
}

/** Traces while the visitor allows it: with a `denied`, nothing runs. */
export function traceUnderConsent<Left>(
  asked: Consent,
  start: (gate: ConsentGate, inherited: Left) => ConsentedRun<Left>,
  inherited: Left,
): Consented<Left> {
  const held = heldAnswer();
  let left = inherited;
  let gate: ConsentGate | undefined;
  let run: ConsentedRun<Left> | undefined;

  function apply(): void {
    const state = held.answer ?? (asked === "gpc" ? globalPrivacyControl() : asked);
    gate ??= { isGranted: false, whenGranted: [] };
    gate.isGranted = state === "granted";
    if (state === "denied") {
      left = run?.halt() ?? left;
      run = gate = undefined;
      forgetStored();
      return;
    }
    run ??= start(gate, left);
    if (gate.isGranted) for (const call of gate.whenGranted.splice(0)) call();
  }

  held.apply = apply;
  apply();
  return {
    halt() {
      held.apply = undefined;
      return run?.halt() ?? left;
    },
    flush: () => run?.flush() ?? Promise.resolve(),
    forget() {
      held.answer = undefined;
    },
  };
}

function globalPrivacyControl(): ConsentAnswer {
  return (navigator as { readonly globalPrivacyControl?: boolean }).globalPrivacyControl
    ? "denied"
    : "granted";
}

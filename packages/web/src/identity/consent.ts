import type { Stop } from "../patch-method.ts";
import { forgetStored } from "./page-storage.ts";

/**
 * What the visitor allows: `pending` holds everything back until they have answered; `gpc` is `denied` where the
 * browser sends Global Privacy Control, else `granted`: https://w3c.github.io/gpc/#javascript-property-to-detect-preference
 */
export type Consent = "granted" | "pending" | "denied" | "gpc";
export type ConsentAnswer = "granted" | "denied";

/** Closed for good by a denial: what came before it must not pass when the next run is granted. */
export interface ConsentGate {
  /** Whether spans may be sent, headers written and storage used. */
  readonly isGranted: boolean;
  /** Calls once: now, or when what is pending is granted. */
  readonly whenGranted: (call: () => void) => void;
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
  /** Of all runs since the last denial, also of one that was stopped: it may have posts that wait for another try. */
  gate?: Gate | undefined;
}

/**
 * The visitor's answer, for as long as this page lives; before or after the start, and as often as it changes.
 * `denied` takes tracing off the page and removes all that it stored; nothing that was not sent will be.
 */
export function setConsent(answer: ConsentAnswer): void {
  const held = heldAnswer();
  // Whatever else it is given is no consent.
  held.answer = answer === "granted" ? answer : "denied";
  if (held.apply) held.apply();
  else if (held.answer === "denied") deny(held);
}

function deny(held: HeldAnswer): void {
  held.gate?.set(false);
  held.gate = undefined;
  forgetStored();
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
  let run: ConsentedRun<Left> | undefined;

  function apply(): void {
    const state = held.answer ?? (asked === "gpc" ? globalPrivacyControl() : asked);
    if (state === "denied") {
      deny(held);
      left = run?.halt() ?? left;
      run = undefined;
      return;
    }
    held.gate ??= createGate();
    held.gate.set(state === "granted");
    run ??= start(held.gate, left);
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

interface Gate extends ConsentGate {
  readonly set: (isGranted: boolean) => void;
}

function createGate(): Gate {
  const waiting: (() => void)[] = [];
  const gate = {
    isGranted: false,
    whenGranted(call: () => void): void {
      if (gate.isGranted) call();
      else waiting.push(call);
    },
    set(isGranted: boolean): void {
      gate.isGranted = isGranted;
      if (isGranted) for (const call of waiting.splice(0)) call();
    },
  };
  return gate;
}

function globalPrivacyControl(): ConsentAnswer {
  return (navigator as { readonly globalPrivacyControl?: boolean }).globalPrivacyControl
    ? "denied"
    : "granted";
}

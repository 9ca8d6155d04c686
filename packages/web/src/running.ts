import { TEST_GLOBAL } from "@throughline/core/attributes";
import type { Registration } from "./context/registrations.ts";
import { type ConsentAnswer, setConsent } from "./identity/consent.ts";

export interface WebTracing {
  /** Leaves the page as it was and delivers what is left. */
  stop(): Promise<void>;
  /** Resolves when everything that has ended was answered by the endpoint, or given up. */
  flush(): Promise<void>;
  /** The visitor's answer: see the option `consent`. */
  setConsent(answer: ConsentAnswer): void;
}

export interface Running extends WebTracing {
  /** Takes every patch off and gives the page's listeners to whoever starts next. */
  readonly halt: () => readonly Registration[];
}

/** What the Playwright fixture puts into the page, and what it gets back. */
export interface TestHook {
  readonly id: string;
  flush?: (() => Promise<void>) | undefined;
  /** Where the page posts its spans. */
  endpoint?: string | undefined;
}

/** In the page, not in the module: a hot reload brings a second copy, and each preset is a module of its own. */
export const RUNNING: unique symbol = Symbol.for("throughline.web");
export const page = globalThis as {
  [RUNNING]?: Running | undefined;
  [TEST_GLOBAL]?: TestHook | undefined;
};

const nothing = (): Promise<void> => Promise.resolve();
/** A page that is not traced may still hold what an earlier one stored. */
export const NO_TRACING: WebTracing = { stop: nothing, flush: nothing, setConsent };

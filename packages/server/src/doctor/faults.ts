import { parseTraceparent } from "@throughline/core";
import type { AppLook } from "./ask-app.ts";
import type { Preflight } from "./ask-preflights.ts";
import type { FolderLook } from "./look-at-folder.ts";
import type { PageLook } from "./look-at-page.ts";

/** Everything that was looked at. */
export interface Looks {
  readonly app: AppLook;
  readonly folder: FolderLook;
  /** Or why no browser has opened the page. */
  readonly page: PageLook | Unlooked;
  /** Of the origins on the app's `propagateTo`. */
  readonly preflights: readonly Preflight[];
}

/** What breaks a trace at a hop, what to do about it. */
export interface Fault {
  readonly code: FaultCode;
  readonly message: string;
  readonly fix: string;
}

/** In the order of the path; docs/doctor.md says of each when it is told. */
export const FAULT_CODES = [
  "app-unreachable",
  "disabled",
  "token-mismatch",
  "bad-setting",
  "start-failed",
  "no-ingest-route",
  "register-not-called",
  "duplicate-api",
  "unsampled-parent",
  "nothing-exported",
  "no-propagator",
  "trace-header-lost",
  "not-continued",
  "collector-unreachable",
  "wrong-path",
  "unauthorized",
  "protocol-mix",
  "collector-slow",
  "certificate",
  "collector-refuses",
  "page-not-traced",
  "csp-denied",
  "cors-denied",
  "export-blocked",
  "export-refused",
] as const;
export type FaultCode = (typeof FAULT_CODES)[number];

/** Why a hop that may be broken was not looked at, and what opens it to the next look. */
export interface Blindness {
  readonly reason: string;
  readonly fix: string;
}

/** `skipped`: it does not apply, or was left out on purpose. */
export type Unlooked = { readonly skipped: string } | { readonly unseen: Blindness };

/** What a hop is found to be. */
export type Verdict = { readonly ok: string } | { readonly fault: Fault } | Unlooked;

export interface Hop {
  readonly name: string;
  readonly check: (looks: Looks) => Verdict;
}

/** A verdict that names a fault. */
export function broken(code: FaultCode, message: string, fix: string): Verdict {
  return { fault: { code, message, fix } };
}

/** The trace id of a `traceparent`. */
export const traceOf = (traceparent: string): string => parseTraceparent(traceparent)?.traceId ?? "";
/** Whether a `traceparent` says that nothing is to be kept. */
export const isUnsampled = (traceparent: string): boolean => !parseTraceparent(traceparent)?.sampled;

const OURS = "@throughline/server: ";

/** The verdict on what the app itself has not said. */
export function notTold(account: Exclude<AppLook["account"], { readonly kind: "told" }>): Verdict {
  if (!account) return { skipped: "the app does not answer" };
  if (account.kind === "missing") return { skipped: "the app has no ingest route" };
  return { unseen: { reason: said(account), fix: account.why === "failed" ? READ_LOG : SAME_TOKEN } };
}

/** What an app that tells nothing of itself says instead. */
export function said({ reason }: Extract<AppLook["account"], { readonly kind: "closed" }>): string {
  return reason.replace(OURS, "");
}

export const SAME_TOKEN =
  "Start the app and the doctor with the same THROUGHLINE_FLUSH_TOKEN, any random text";
const READ_LOG = "Read the app's log, mend what is named there and restart";

/** Whether what is kept, and what requests take along, is another tracer's matter. */
export function isJoined({ app: { account } }: Looks): boolean {
  return account?.kind === "told" && account.answer.way === "join";
}

export const JOINED: Verdict = { skipped: 'mode "join": the other tracer decides' };

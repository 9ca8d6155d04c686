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
  readonly page: PageLook | { readonly skipped: string };
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

/** What a hop is found to be. */
export type Verdict = { readonly ok: string } | { readonly skipped: string } | { readonly fault: Fault };

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

/** Why the app itself has not said it. */
export function notTold(account: AppLook["account"]): string {
  if (account?.kind === "closed") return account.reason.replace(OURS, "");
  return account ? "the app has no ingest route" : "the app does not answer";
}

/** Whether what is kept, and what requests take along, is another tracer's matter. */
export function isJoined({ app: { account } }: Looks): boolean {
  return account?.kind === "told" && account.answer.way === "join";
}

export const JOINED: Verdict = { skipped: 'mode "join": the other tracer decides' };

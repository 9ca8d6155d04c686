import { mayPropagate, type UrlRules } from "@throughline/core";
import type { PropagationMode } from "../instrument.ts";
import type { FetchCall } from "./fetch-call.ts";
import { TRACEPARENT } from "./traceparent.ts";

/** What a request of any kind tells of itself. */
export type TracedRequest = Pick<FetchCall, "url" | "method" | "headers" | "mode">;

export interface PropagationRules {
  readonly rules: UrlRules;
  readonly propagation: () => PropagationMode;
}

export type Propagation = "sent" | "off" | "consent" | "origin" | "caller";

/** Whether a request may carry the header, and if not, why. */
export function propagationOf(
  { headers, url, mode }: TracedRequest,
  { rules, propagation }: PropagationRules,
): Propagation {
  if (headers.has(TRACEPARENT)) return "caller";
  const allowed = propagation();
  if (allowed !== "same-origin") return allowed;
  // A no-cors request drops the header on the way: https://fetch.spec.whatwg.org/#concept-headers-guard
  return mayPropagate(rules, url) && mode !== "no-cors" ? "sent" : "origin";
}

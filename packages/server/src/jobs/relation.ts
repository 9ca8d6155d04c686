import type { JobCarrier } from "./carrier.ts";

/** `auto`: see {@link relationOf}. `parent`, `link`: always. */
export type JobRelation = "auto" | "parent" | "link";

/** How a job's span hangs on its sender's: below it, or in a trace of its own with a link, and why. */
export type JobTie = "parent" | "retry" | "repeat" | "delay" | "fan-out" | "asked";

/** A job that waited longer would stretch its sender's trace beyond reading. */
const LONG_DELAY_MS = 60_000;

/** So many jobs of one trace go on with it. */
export const MAX_JOBS_OF_A_TRACE = 20;

export interface JobCircumstances {
  readonly relation: JobRelation;
  /** 1 for the first time. */
  readonly attempt: number;
  readonly repeats: boolean;
  readonly nowUnixMs: number;
}

/**
 * The first attempt of an immediate job is part of its sender's trace. A retry, a repetition, a late job and one of
 * very many have a trace of their own: as children they would make a trace that never ends, or that nobody can read.
 */
export function relationOf(carrier: JobCarrier, circumstances: JobCircumstances): JobTie {
  const { relation, attempt, repeats, nowUnixMs } = circumstances;
  if (relation === "parent") return "parent";
  if (relation === "link") return "asked";
  if (attempt > 1) return "retry";
  if (repeats) return "repeat";
  if (carrier.fanOut) return "fan-out";
  // A carrier that does not tell its time counts as sent just now.
  if (nowUnixMs - carrier.sentUnixMs > LONG_DELAY_MS) return "delay";
  return "parent";
}

import { SEVERITY } from "./log-line.ts";

// pino's levels; one of the user's own counts as the next one below.
const PINO: readonly (readonly [from: number, severity: number, text: string])[] = [
  [60, SEVERITY.fatal, "fatal"],
  [50, SEVERITY.error, "error"],
  [40, SEVERITY.warn, "warn"],
  [30, SEVERITY.info, "info"],
  [20, SEVERITY.debug, "debug"],
  [Number.NEGATIVE_INFINITY, SEVERITY.trace, "trace"],
];

// The names of winston's three sets of levels, npm, cli and syslog: https://github.com/winstonjs/triple-beam
const NAMED: Readonly<Record<string, number>> = {
  emerg: SEVERITY.fatal + 2,
  alert: SEVERITY.fatal + 1,
  crit: SEVERITY.fatal,
  fatal: SEVERITY.fatal,
  error: SEVERITY.error,
  warning: SEVERITY.warn,
  warn: SEVERITY.warn,
  notice: SEVERITY.info + 1,
  help: SEVERITY.info,
  data: SEVERITY.info,
  prompt: SEVERITY.info,
  info: SEVERITY.info,
  http: SEVERITY.debug + 3,
  verbose: SEVERITY.debug + 2,
  input: SEVERITY.debug,
  debug: SEVERITY.debug,
  silly: SEVERITY.trace,
  trace: SEVERITY.trace,
};

/** Of a pino level: a number, or the label that a formatter made of it. */
export function pinoSeverity(level: unknown): readonly [number, string] {
  if (typeof level !== "number") return namedSeverity(String(level));
  const [, severity, text] = PINO.find(([from]) => level >= from) ?? [0, SEVERITY.trace, "trace"];
  return [severity, text];
}

/** Of a level by its name; one that nobody knows counts as info. */
export function namedSeverity(level: string): readonly [number, string] {
  return [NAMED[level.toLowerCase()] ?? SEVERITY.info, level];
}

import type { BadValue, Given } from "@throughline/core";
import type { ServerConfig } from "./settings.ts";
import type { ServerSettings } from "./settings-table.ts";

type Bad = BadValue<ServerSettings>;

/** The options without a name that is none, as plain JavaScript may give one; a wrong mode is refused where it is chosen. */
export function withoutBadName(
  given: Given<ServerSettings>,
  tell: (value: Bad) => void,
): Given<ServerSettings> {
  const name: unknown = given.serviceName ?? "";
  if (typeof name === "string") return given;
  tell({
    key: "serviceName",
    problem: `serviceName: expected a text, got a ${typeof name}`,
    whenBad: "unset",
  });
  return { ...given, serviceName: undefined };
}

/** A sentence for each bad value that tracing goes on with: what was wrong, and what holds instead. */
export function sentencesOf(bad: readonly Bad[], settings: ServerSettings): readonly string[] {
  const costs = new Map<string, readonly string[]>();
  // A variable that holds for several signals is told once.
  for (const value of bad)
    costs.set(value.problem, [...(costs.get(value.problem) ?? []), costOf(value, settings)]);
  return [...costs].map(([problem, all]) => `${problem}; ${all.join(", ")}, and tracing goes on.`);
}

function costOf({ key, whenBad }: Bad, settings: ServerSettings): string {
  return whenBad === "unset" ? `${printed(settings[key])} holds instead` : `${whenBad} are sent`;
}

function printed(value: ServerSettings[keyof ServerSettings]): string {
  if (value === "") return "the default";
  if (value === Number.POSITIVE_INFINITY) return "no limit";
  if (Array.isArray(value)) return value.join(",") || "none";
  return typeof value === "object" ? "nothing" : String(value);
}

/** Without the signals whose address, headers or protocol nobody knows. */
export function withoutSignals(settings: ServerSettings, bad: readonly Bad[]): ServerConfig {
  const noLogs = bad.some(({ whenBad }) => whenBad === "no logs");
  const noMetrics = bad.some(({ whenBad }) => whenBad === "no metrics");
  return {
    ...settings,
    ...(noLogs && { logsExporter: "none" }),
    ...(noMetrics && { metricsEnabled: false }),
    signalsOff: [...(noLogs ? (["logs"] as const) : []), ...(noMetrics ? (["metrics"] as const) : [])],
  };
}

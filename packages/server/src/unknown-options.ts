import { warnOnce } from "./log.ts";

/** A misspelt option does nothing, and plain JavaScript has nobody else who tells. */
export function tellUnknown(of: string, given: object, known: Readonly<Record<string, true>>): void {
  const unknown = Object.entries(given)
    .filter(([name, value]) => value !== undefined && !Object.hasOwn(known, name))
    .map(([name]) => JSON.stringify(name));
  if (unknown.length === 0) return;
  const names = Object.keys(known).sort().join(", ");
  warnOnce(`${of} has no option ${unknown.join(" or ")}, so nothing comes of it; there are ${names}.`);
}

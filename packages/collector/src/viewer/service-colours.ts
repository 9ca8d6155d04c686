/** How many service colours the style sheet holds: `.service-0` to `.service-7`. */
export const SERVICE_COLOURS = 8;

const KEY = "throughline.services";

/** What a colour assignment is kept in between visits; `localStorage` fits. */
export type ColourMemory = Pick<Storage, "getItem" | "setItem">;

/** The class that colours a service. Services take colours in the order they are met, and keep them. */
export function createServiceColours(memory: ColourMemory | undefined): (service: string) => string {
  const known = recall(memory);
  return (service) => {
    let slot = known.indexOf(service);
    if (slot === -1) {
      slot = known.push(service) - 1;
      remember(memory, known);
    }
    return `service-${slot % SERVICE_COLOURS}`;
  };
}

function recall(memory: ColourMemory | undefined): string[] {
  try {
    const kept: unknown = JSON.parse(memory?.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}

function remember(memory: ColourMemory | undefined, known: readonly string[]): void {
  try {
    memory?.setItem(KEY, JSON.stringify(known.slice(0, 64)));
  } catch {
    // A full or forbidden storage costs only the memory of colours.
  }
}

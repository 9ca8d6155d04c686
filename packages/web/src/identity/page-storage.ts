import type { ConsentGate } from "./consent.ts";

/** Every key that this package writes begins with it, so that a denial finds them all. */
export const STORAGE_PREFIX = "throughline.";

export type StorageKind = "localStorage" | "sessionStorage";

/**
 * The page's storage, or nothing where the visitor or the browser does not allow it. Ask anew each time, and write under
 * `throughline.`, so that a denial removes it.
 */
export function openStorage(consent: ConsentGate, kind: StorageKind): Storage | undefined {
  if (!consent.isGranted) return undefined;
  try {
    const storage = window[kind];
    // Firefox with a broken database has the object, and each of its methods throws.
    storage.getItem("");
    return storage;
  } catch {
    // The user forbids storage: https://html.spec.whatwg.org/#dom-localstorage
    return undefined;
  }
}

/**
 * Removes everything that this package ever stored in this browser for this origin. Each value is emptied first: that is
 * how the other tabs tell a denial from somebody who tidies up.
 */
export function forgetStored(): void {
  for (const kind of ["localStorage", "sessionStorage"] as const) {
    try {
      const storage = window[kind];
      for (const key of Object.keys(storage)) {
        if (!key.startsWith(STORAGE_PREFIX)) continue;
        storage.setItem(key, "");
        storage.removeItem(key);
      }
    } catch {
      // What cannot be opened holds nothing that anybody could read.
    }
  }
}

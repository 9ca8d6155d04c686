import { listen } from "../listen.ts";
import { type Stop, stopAll } from "../patch-method.ts";
import { newSpanId } from "../trace/ids.ts";
import { STORAGE_PREFIX } from "./page-storage.ts";

const KEY = `${STORAGE_PREFIX}tab`;

export interface Tab {
  readonly id: () => string;
  /** Takes over the id that the last page of this tab left. */
  readonly take: () => void;
  readonly stop: Stop;
}

/**
 * The id of this tab, the same on its next page. `sessionStorage` has it only from one page to the next, because
 * whoever duplicates a tab or opens one from a page gets a copy of it: https://html.spec.whatwg.org/#copy-session-storage
 */
export function startTab(storage: () => Storage | undefined): Tab {
  let id = newSpanId();

  function take(): void {
    const shared = storage();
    const left = shared?.getItem(KEY);
    shared?.removeItem(KEY);
    if (left && /^[0-9a-f]{16}$/.test(left)) id = left;
  }
  function leave(): void {
    try {
      storage()?.setItem(KEY, id);
    } catch {
      // Full: the next page counts as a tab of its own.
    }
  }

  take();
  const stopListening = stopAll([
    listen(window, "pagehide", leave),
    // Back from the back/forward cache.
    listen(window, "pageshow", take),
  ]);
  return {
    id: () => id,
    take,
    stop() {
      stopListening();
      leave();
    },
  };
}

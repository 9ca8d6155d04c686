import type { Stop } from "../patch-method.ts";

export interface WatchedEntries {
  /** Hands over what the browser has measured and not told yet. */
  readonly drain: () => void;
  readonly stop: Stop;
}

/** Hears of each performance entry of a type, also of those before now; nothing where the browser has none. */
export function watchEntries<Entry extends PerformanceEntry>(
  type: string,
  take: (entry: Entry) => void,
): WatchedEntries {
  if (!PerformanceObserver.supportedEntryTypes.includes(type)) {
    return { drain: () => undefined, stop: () => undefined };
  }
  // The type of an entry is what was asked for.
  const takeAll = (entries: PerformanceEntryList): void => {
    for (const entry of entries) take(entry as Entry);
  };
  const observer = new PerformanceObserver((list) => takeAll(list.getEntries()));
  observer.observe({ type, buffered: true });
  return { drain: () => takeAll(observer.takeRecords()), stop: () => observer.disconnect() };
}

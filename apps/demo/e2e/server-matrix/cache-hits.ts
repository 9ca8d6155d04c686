import { expect } from "@playwright/test";
import type { Seen } from "./case.ts";

/** One answer came out of Next.js's data cache, which is an event where it was asked for. */
export function expectHit(seen: Seen): void {
  const hits = eventsOf(seen, "cache hit").map(({ attributes }) => attributes["next.fetch.cache_status"]);
  expect.soft(hits).toEqual(["hit"]);
  expect.soft(eventsOf(seen, "shared fetch")).toEqual([]);
}

export function eventsOf({ spans }: Seen, event: string) {
  return spans.flatMap(({ events }) => events).filter(({ name }) => name === event);
}

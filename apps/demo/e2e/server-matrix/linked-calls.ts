import { expect } from "@playwright/test";
import { readTrace } from "../trace-reading.ts";
import type { Combination } from "./combinations.ts";
import type { Received } from "./downstream.ts";

/** What is sent without a header, by a fetch that asks for that. */
const UNLINKED = ["/ignored", "/silent", "/unlinked"];
/** What the probes that prepare the case of a stale page have made anew; the visits of that case are linked. */
const PREPARED = "/prices";
/** Of pages and route handlers; of server actions; of `after()` and streams. */
const LINKED = ["/stock", "/reserve", "/inline", "/save", "/slow", "/cached"];

/** Of the requests that are compared whole. */
export function expectLinkedCases(
  received: readonly Received[],
  { cacheComponents }: Combination,
): Promise<void> {
  const unlinked = cacheComponents ? UNLINKED : [...UNLINKED, PREPARED];
  return expectLinkedCalls(received, cacheComponents ? LINKED : [...LINKED, PREPARED], unlinked);
}

/** The `traceparent` of each call that arrived is the id of the CLIENT span that was made for it. */
export async function expectLinkedCalls(
  received: readonly Received[],
  linked: readonly string[],
  unlinked: readonly string[] = [],
): Promise<void> {
  const [wrong, right]: [string[], string[]] = [[], []];
  for (const { path, headers } of received) {
    const header = String(headers.traceparent ?? "");
    const segment = firstSegment(path);
    if (header === "" && unlinked.includes(segment)) continue;
    const [, traceId = "", spanId] = header.split("-");
    const span = (await readTrace(traceId))?.spans.find((each) => each.spanId === spanId);
    const url = String(span?.attributes["url.full"]);
    if (span?.kind !== "client" || !url.includes(segment)) wrong.push(`${path}: ${header}, ${url}`);
    else right.push(segment);
  }
  expect.soft(wrong, "calls whose header is not that of their span").toEqual([]);
  expect.soft(right, "calls that are linked").toEqual(expect.arrayContaining([...linked]));
}

/** An id behind it is hidden in the URL of a span. */
function firstSegment(path: string): string {
  return /^\/[^/?]*/.exec(path)?.[0] ?? path;
}

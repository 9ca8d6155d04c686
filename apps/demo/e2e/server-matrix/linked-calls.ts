import { expect } from "@playwright/test";
import { readTrace } from "../trace-reading.ts";
import type { Received } from "./downstream.ts";

/** What is sent without a header: by a fetch that asks for that, and by the probes that prepare the case of `/stale`. */
const UNLINKED = ["/ignored", "/prices", "/silent", "/unlinked"];
/** Of pages and route handlers; of server actions; of `after()` and streams. */
const LINKED = ["/stock", "/reserve", "/inline", "/save", "/slow"];

/** The `traceparent` of each call that arrived is the id of the CLIENT span that was made for it. */
export async function expectLinkedCalls(received: readonly Received[]): Promise<void> {
  const wrong: string[] = [];
  for (const { path, headers } of received) {
    const header = String(headers.traceparent ?? "");
    if (header === "" && UNLINKED.includes(path)) continue;
    const [, traceId = "", spanId] = header.split("-");
    const span = (await readTrace(traceId))?.spans.find((each) => each.spanId === spanId);
    const url = String(span?.attributes["url.full"]);
    if (span?.kind !== "client" || !url.includes(firstSegment(path)))
      wrong.push(`${path}: ${header}, ${url}`);
  }
  expect.soft(wrong, "calls whose header is not that of their span").toEqual([]);
  expect.soft(received.map(({ path }) => path)).toEqual(expect.arrayContaining(LINKED));
}

/** An id behind it is hidden in the URL of a span. */
function firstSegment(path: string): string {
  return /^\/[^/?]*/.exec(path)?.[0] ?? path;
}

import { expect } from "@playwright/test";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import type { Combination } from "./combinations.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";
import { printTree } from "./span-tree.ts";

/** Spans leave `use cache` and prerenders as they are. */
export async function checkManualSpans({ combination, buildLog }: BuiltApp, app: ServedApp): Promise<void> {
  if (!combination.cacheComponents) return;
  // ◐: a static shell with holes, which a span that counted as random or as time would have spoilt.
  for (const route of ["/traced", "/cache-keys"]) {
    const line = buildLog.find((text) =>
      text.startsWith("├") || text.startsWith("└") ? text.includes(` ${route}`) : false,
    );
    expect.soft(line, `${route} in the table of the build`).toContain("◐");
  }
  const [first, second] = [await tokensOf(app, combination), await tokensOf(app, combination)];
  expect.soft(first, "values of a cached function").toHaveLength(3);
  expect.soft(new Set([...first, ...second]).size, "times that it ran").toBe(1);
  const told = app.log.filter((line) => line.includes('withSpan("handed") does not hand its span'));
  expect.soft(told, "the mistake").toHaveLength(1);
  expect.soft(await visitTracedPage(app, combination)).toEqual(TRACED_PAGE);
  expectNoComplaints([...buildLog, ...app.log]);
}

/** In dev, where Next.js runs a page again to see whether it could be prerendered, and cached functions anew. */
export async function checkManualSpansInDev(app: ServedApp, combination: Combination): Promise<void> {
  if (!combination.cacheComponents) return;
  expect.soft(await visitTracedPage(app, combination)).toEqual(expect.arrayContaining(TRACED_PAGE));
  expectNoComplaints(app.log);
}

/** Spans in the static part of a page and in a hole of it; that of its cached function is of no request. */
const TRACED_PAGE = [
  "GET /traced · server",
  "  render route (app) /traced · internal",
  "    make title · internal",
  "    count visit · internal",
];

async function visitTracedPage(app: ServedApp, combination: Combination): Promise<readonly string[]> {
  const { header, traceId, spanId } = newTraceparent();
  const response = await fetch(urlOf("/traced", app, combination), { headers: { traceparent: header } });
  expect.soft(await response.text(), "the traced page").toContain("visited");
  await flush(app, combination);
  const tree = printTree((await readTrace(traceId))?.spans ?? [], spanId);
  return tree.filter((line) => !line.includes("middleware"));
}

// https://nextjs.org/docs/messages/next-prerender-random
function expectNoComplaints(log: readonly string[]): void {
  const complaints = log.filter((line) => line.includes("next-prerender-"));
  expect.soft(complaints, "what Next.js says of random numbers and times").toEqual([]);
}

async function tokensOf(app: ServedApp, combination: Combination): Promise<readonly number[]> {
  const response = await fetch(urlOf("/cache-keys", app, combination));
  const [, tokens = "[]"] = /<pre>(\[.*?\])/.exec(await response.text()) ?? [];
  return JSON.parse(tokens);
}

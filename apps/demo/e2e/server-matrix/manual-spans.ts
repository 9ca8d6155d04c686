import { expect } from "@playwright/test";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import type { Combination } from "./combinations.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { BuiltApp, ServedApp } from "./server-app.ts";
import { printTree } from "./span-tree.ts";

/**
 * What Next.js makes of each route, in the table of the build. A span that counted as random or as time would have
 * spoilt it: ○ is static, ◐ a static shell with holes.
 */
const MADE = ["○ /isr", "◐ /generated/[id]", "◐ /traced", "◐ /cache-keys"];

/** Spans leave `use cache` and prerenders as they are. */
export async function checkManualSpans({ combination, buildLog }: BuiltApp, app: ServedApp): Promise<void> {
  if (!combination.cacheComponents) return;
  const spoilt = MADE.filter((route) => !buildLog.some((line) => line.includes(route)));
  expect.soft(spoilt, "routes that the table of the build has not, or otherwise").toEqual([]);
  const [first, second] = [await tokensOf(app, combination), await tokensOf(app, combination)];
  expect.soft(first, "values of a cached function").toHaveLength(3);
  expect.soft(new Set([...first, ...second]).size, "times that it ran").toBe(1);
  const told = app.log.filter((line) => line.includes('withSpan("handed") does not hand its span'));
  expect.soft(told, "the mistake").toHaveLength(1);
  expect.soft(await visitTracedPage(app, combination)).toEqual(TRACED_PAGE);
  await checkMadeOnce(app, combination);
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
  const { html, tree } = await visit("/traced", app, combination);
  expect.soft(html, "the traced page").toContain("visited");
  return tree;
}

/** A page of the build has none of the spans that made it; one that is made now has them at its first visit alone. */
async function checkMadeOnce(app: ServedApp, combination: Combination): Promise<void> {
  const twice = async (path: string) => [
    await visit(path, app, combination),
    await visit(path, app, combination),
  ];
  const built = await twice("/isr");
  for (const { tree, cache } of built) expect.soft([cache, ...tree]).toEqual(["HIT", "GET /isr · server"]);
  const made = await twice(`/generated/${crypto.randomUUID()}`);
  const again = [
    "GET /generated/[id] · server",
    "  render route (app) /generated/[id] · internal",
    "    read id · internal",
  ];
  expect.soft(made.map(({ tree }) => tree)).toEqual([[...again, "  make page · internal"], again]);
  for (const visits of [built, made]) {
    const times = visits.map(({ html }) => /made\D*(\d{13})/.exec(html)?.[1]);
    expect.soft(times, "when a page was made").toEqual([expect.any(String), times[0]]);
  }
}

async function visit(path: string, app: ServedApp, combination: Combination) {
  const { header, traceId, spanId } = newTraceparent();
  const response = await fetch(urlOf(path, app, combination), { headers: { traceparent: header } });
  const html = await response.text();
  await flush(app, combination);
  const tree = printTree((await readTrace(traceId))?.spans ?? [], spanId);
  return {
    html,
    cache: response.headers.get("x-nextjs-cache"),
    tree: tree.filter((line) => !line.includes("middleware")),
  };
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

import { expect } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import type { Combination } from "./combinations.ts";
import { flush, urlOf } from "./run-cases.ts";
import type { ServedApp } from "./server-app.ts";
import { printTree } from "./span-tree.ts";

const CALLERS = 100;

interface Visit {
  readonly caller: ReturnType<typeof newTraceparent>;
  /** What the downstream server was told, or had been told when its answer was cached. */
  readonly told: { readonly times: number; readonly baggage?: string; readonly traceparent?: string };
}

export async function checkCachedFetch(app: ServedApp, combination: Combination): Promise<void> {
  await checkSharedFetch(app, combination);
  await checkOutdatedFetch(app, combination);
}

/** Traces with baggage of their own ask once for what is cached; the request carries the baggage of the first. */
async function checkSharedFetch(app: ServedApp, combination: Combination): Promise<void> {
  const path = `/api/out/baggage?key=${crypto.randomUUID()}`;
  const visits: Visit[] = [];
  for (let user = 0; user < CALLERS; user++)
    visits.push(await visit(`${path}&user=${user}`, app, combination));
  await flush(app, combination);
  const traceparent = headerOf(await spansOf(visits[0]));
  for (const { told } of visits)
    expect.soft(told).toMatchObject({ times: 1, baggage: "user=0", traceparent });
  const [first, ...others] = await Promise.all(visits.map(fetchesOf));
  expect.soft(first).toEqual(["GET · client"]);
  expect.soft(others).toEqual(Array.from({ length: CALLERS - 1 }, () => ["cache hit"]));
}

/** What is out of date is answered at once and asked for again behind the answer, in the trace of who found it so. */
async function checkOutdatedFetch(app: ServedApp, combination: Combination): Promise<void> {
  const path = `/api/out/revalidated?key=${crypto.randomUUID()}`;
  const visits: Visit[] = [];
  const visitAgain = async (): Promise<number> => {
    visits.push(await visit(path, app, combination));
    return visits.at(-1)?.told.times ?? 0;
  };
  await expect.poll(visitAgain, { message: "a fetch that was made again", intervals: [100] }).toBe(2);
  await flush(app, combination);
  const fetches = await Promise.all(visits.map(fetchesOf));
  const again = fetches.findIndex((made, index) => index > 0 && made.includes("GET · client"));
  expect.soft(fetches[again]).toEqual(["cache hit", "GET · client"]);
  expect.soft(visits[again]?.told.times, "the answer of who found it out of date").toBe(1);
  const spans = await spansOf(visits[again]);
  expect.soft(visits.at(-1)?.told.traceparent, "the header of the second call").toBe(headerOf(spans));
  expect.soft(visits[again]?.told.traceparent).toBe(headerOf(await spansOf(visits[0])));
  const tree = printTree(spans, visits[again]?.caller.spanId);
  expect
    .soft(tree.slice(-2))
    .toEqual(["  executing api route (app) /api/out/[way] · internal", "    GET · client"]);
}

async function visit(path: string, app: ServedApp, combination: Combination): Promise<Visit> {
  const caller = newTraceparent();
  const response = await fetch(urlOf(path, app, combination), { headers: { traceparent: caller.header } });
  return { caller, told: await response.json() };
}

async function spansOf(visit: Visit | undefined): Promise<readonly SpanJson[]> {
  return (await readTrace(visit?.caller.traceId ?? ""))?.spans ?? [];
}

/** Of the one call in a trace. */
function headerOf(spans: readonly SpanJson[]): string {
  const client = spans.find(({ kind }) => kind === "client");
  return `00-${client?.traceId}-${client?.spanId}-01`;
}

/** The answers that came out of the cache, then the requests that were sent. */
async function fetchesOf(visit: Visit): Promise<readonly string[]> {
  const spans = await spansOf(visit);
  const hits = spans.flatMap(({ events }) => events).filter(({ name }) => name === "cache hit");
  const calls = spans.filter(({ kind }) => kind === "client");
  return [...hits.map(({ name }) => name), ...calls.map(({ name, kind }) => `${name} · ${kind}`)];
}

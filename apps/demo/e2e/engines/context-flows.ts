import { expect } from "@playwright/test";
import { type BrowserSpan, type Outcome, outcomeOf, requestsTo } from "../browser-spans.ts";
import { CASES } from "../context-builds.ts";
import { asPosted, collectedSpans } from "./collected-spans.ts";
import type { Tab } from "./engine.ts";

const SERVICE = "context-app-web";
const PAIRS = 200;
const REQUESTS_OF_A_FLOW = 3;

interface Seen {
  readonly owners: Readonly<Record<string, string>>;
  readonly finished: number;
  readonly ready: boolean;
}

const seenBy = (tab: Tab): Promise<Seen | undefined> => tab.evaluate("return globalThis.seen");

async function openPage(tab: Tab, url: string): Promise<void> {
  await tab.goto(url);
  await expect.poll(async () => (await seenBy(tab))?.ready).toBe(true);
}

/** One click for each way from a click to a fetch; what the collector knows of it afterwards. */
export async function clickEveryCase(tab: Tab, url: string): Promise<ReadonlyMap<string, Outcome>> {
  const since = Date.now();
  await openPage(tab, url);
  for (const name of CASES) {
    await tab.click(name);
    const measured = `return performance.getEntriesByName(location.origin + "/api/echo/${name}").length`;
    await expect.poll(() => tab.evaluate(measured), { message: name }).toBeGreaterThan(0);
  }
  const owners = (await seenBy(tab))?.owners ?? {};
  const spans = await awaitSpans(since, (all) =>
    CASES.every((name) => requestsTo(all, `/api/echo/${name}`).length === 1),
  );
  const outcomes = new Map<string, Outcome>();
  for (const name of CASES) {
    const [request] = requestsTo(spans, `/api/echo/${name}`);
    outcomes.set(name, await outcomeOf(request, owners[name], spans));
  }
  return outcomes;
}

/** Pairs of clicks that overlap, as the requests of each came to theirs. */
export async function clickPairs(tab: Tab, url: string): Promise<readonly Outcome[]> {
  const since = Date.now();
  await openPage(tab, url);
  for (let pair = 1; pair <= PAIRS; pair++) {
    await tab.click("a");
    await tab.click("b");
    await expect
      .poll(async () => (await seenBy(tab))?.finished, { intervals: [5, 10, 20, 50] })
      .toBe(2 * pair);
  }
  return outcomesOf(tab, "flow-", since);
}

/** Pairs of spans of `withSpan` that overlap; the page runs them one pair after the other. */
export async function overlapSpans(tab: Tab, url: string): Promise<readonly Outcome[]> {
  const since = Date.now();
  await openPage(tab, url);
  await tab.evaluate(
    `let done = Promise.resolve(); for (let pair = 0; pair < ${PAIRS}; pair++) done = done.then(() => overlapSpans(pair)); done.then(() => { document.title = 'overlapped'; })`,
  );
  await expect.poll(() => tab.evaluate("return document.title"), { timeout: 60_000 }).toBe("overlapped");
  return outcomesOf(tab, "span-", since);
}

/** The requests of both flows of each pair, as they came to the flow's click or span. */
async function outcomesOf(tab: Tab, flows: string, since: number): Promise<readonly Outcome[]> {
  const owners = Object.entries((await seenBy(tab))?.owners ?? {}).filter(([name]) => name.startsWith(flows));
  expect(new Set(owners.map(([, spanId]) => spanId)).size, "each is a span of its own").toBe(2 * PAIRS);
  const count = 2 * PAIRS * REQUESTS_OF_A_FLOW;
  const spans = await awaitSpans(since, (all) => requestsTo(all, `/api/echo/${flows}`).length === count);
  const outcomes: Outcome[] = [];
  for (const [flow, owner] of owners) {
    for (const request of requestsTo(spans, `/api/echo/${flow}-`))
      outcomes.push(await outcomeOf(request, owner, spans));
  }
  return outcomes;
}

async function awaitSpans(
  since: number,
  isWhole: (spans: readonly BrowserSpan[]) => boolean,
): Promise<readonly BrowserSpan[]> {
  let spans: readonly BrowserSpan[] = [];
  const parentsAreThere = (): boolean => {
    const ids = new Set(spans.map(({ spanId }) => spanId));
    return spans.every(({ parentSpanId }) => !parentSpanId || ids.has(parentSpanId));
  };
  await expect
    .poll(
      async () => {
        spans = (await collectedSpans(SERVICE, since)).map(asPosted);
        return isWhole(spans) && parentsAreThere();
      },
      { timeout: 30_000 },
    )
    .toBe(true);
  return spans;
}

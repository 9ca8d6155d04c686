// What depends on the browser itself, in three of them: the click is kept across awaits, what is left at the end of a
// page arrives, the page load finds the span that served it. `npm run engines`; not part of `npm test`.
import { expect, test } from "@playwright/test";
import type { SpanJson } from "@throughline/core";
import { CASES } from "../context-builds.ts";
import { expectJoinedLoad, lines, listTraces, readTrace } from "../trace-reading.ts";
import { chromium } from "./chromium.ts";
import { clickEveryCase, clickPairs, overlapSpans } from "./context-flows.ts";
import type { Tab } from "./engine.ts";
import { type ExitSite, startExitSite } from "./exit-site.ts";
import { firefox } from "./firefox.ts";
import { leaveWithSpans } from "./page-exit.ts";
import { expectConsentKept, expectEverythingTold, startToldSite, type ToldSite } from "./told-site.ts";
import { webkit } from "./webkit.ts";

const { E2E_CONTEXT_URL: contextApp = "", E2E_VITE_URL: viteApp = "" } = process.env;
const VISITS = 20;
const VITE_TRACE = [
  "click Buy · internal · vite-web",
  "  GET /api/stock · client · vite-web",
  "    GET /api/stock · server · vite-api",
  "  POST /api/orders · client · vite-web",
  "    POST /api/orders · server · vite-api",
  "  GET /api/receipts · client · vite-web",
  "    GET /api/receipts · server · vite-api",
];

for (const engine of [chromium, firefox, webkit]) {
  test.describe(engine.name, () => {
    const missing = engine.missing();
    test.skip(missing !== undefined, missing);
    let tab: Tab;
    let site: ExitSite;

    test.beforeAll(async () => {
      if (missing) return;
      [tab, site] = await Promise.all([engine.open(), startExitSite()]);
    });
    test.afterAll(async () => {
      site?.stop();
      await tab?.quit();
    });

    const say = (text: string): void => console.log(`${engine.name} ${tab.version}: ${text}`);

    test("Vite and React: everything the click awaits is one trace down to the Node service", async () => {
      const since = Date.now();
      await tab.goto(viteApp);
      await tab.click("Buy");
      const clicks = async () =>
        (await listTraces({ service: "vite-web" })).filter(({ startUnixMs }) => startUnixMs >= since);
      const shape = async () => {
        const [click] = await clicks();
        const document = click && (await readTrace(click.traceId));
        return document ? lines(document) : [];
      };
      await expect.poll(shape).toEqual(VITE_TRACE);
      expect(await clicks()).toHaveLength(1);
    });

    test(`each of the ${CASES.length} ways from a click to a fetch keeps the click`, async () => {
      const outcomes = await clickEveryCase(tab, contextApp);
      const lost = [...outcomes].filter(([, outcome]) => outcome !== "exact");
      say(`${outcomes.size - lost.length} of ${outcomes.size} exact ${lost.join(" ")}`);
      expect(lost).toEqual([]);
    });

    test("overlapping pairs of clicks never cross", async () => {
      const outcomes = await clickPairs(tab, contextApp);
      const crossed = outcomes.filter((outcome) => outcome !== "exact").length;
      say(`${crossed} of ${outcomes.length} requests of overlapping clicks not exact`);
      expect(crossed).toBe(0);
    });

    test("overlapping pairs of spans never cross", async () => {
      const outcomes = await overlapSpans(tab, contextApp);
      const crossed = outcomes.filter((outcome) => outcome !== "exact").length;
      say(`${crossed} of ${outcomes.length} requests of overlapping spans not exact`);
      expect(crossed).toBe(0);
    });

    for (const how of ["another page", "back", "close"] as const) {
      test(`of 500 spans right before the page is left (${how}) the last 50 arrive, and nearly all after the next load`, async () => {
        const { lastAtOnce, atOnce, afterNextLoad, bytes } = await leaveWithSpans(tab, site, how);
        say(`${how}: at once ${atOnce}, ${lastAtOnce} of the last 50; then ${afterNextLoad}, ${bytes} B`);
        expect(lastAtOnce).toBe(50);
        expect(afterNextLoad).toBeGreaterThanOrEqual(495);
      });
    }

    for (const [what, check] of [
      [
        "a click that submits, a navigation, errors, XHR, failed and cancelled requests are told alike",
        expectEverythingTold,
      ],
      ["nothing is told or stored without consent, and what follows a grant is", expectConsentKept],
    ] as const) {
      test(what, async () => {
        const told: ToldSite = await startToldSite();
        try {
          await check(tab, told);
        } finally {
          told.stop();
        }
      });
    }

    test("twenty requests at once to one address have their own timing", async () => {
      await tab.goto(`${site.url}/`);
      await expect.poll(() => tab.evaluate("return 'makeSpans' in window")).toBe(true);
      site.clear();
      await tab.evaluate(
        "for (let count = 0; count < 20; count++) fetch('/same').then((answer) => answer.text());",
      );
      await expect.poll(() => site.requests().all).toBe(20);
      say(`${site.requests().timed} of 20 requests at once with their timing`);
      // WebKit begins requests later than they are made, and tells whole milliseconds: some cannot be told apart.
      expect(site.requests().timed).toBeGreaterThanOrEqual(engine === webkit ? 10 : 18);
    });

    for (const [kind, path] of [
      ["a dynamic page", "dynamic"],
      ["a dynamic page behind a redirect", "moved"],
    ] as const) {
      test(`${VISITS} visits of ${kind}: the page load is below the span that served it, with what hydration fetches`, async () => {
        const visits: Served[] = [];
        while (visits.length < VISITS) visits.push(await visitPage(tab, contextApp + path));
        for (const served of visits) {
          await expectJoinedLoad(served);
          await expectHydrationBelow(served);
        }
        say(`${kind}: ${VISITS} visits joined`);
        expect(new Set(visits.map(({ traceId }) => traceId)).size).toBe(VISITS);
      });
    }
  });
}

interface Served {
  readonly traceId: string;
  readonly spanId: string;
}

/** Goes there, and tells which span the response named. */
async function visitPage(tab: Tab, url: string): Promise<Served> {
  await tab.goto(url);
  const header = await tab.evaluate<string>(
    "const [entry] = performance.getEntriesByType('navigation'); return entry.serverTiming.find(({ name }) => name === 'traceparent')?.description ?? ''",
  );
  const fetched = "return performance.getEntriesByName(location.origin + '/api/echo/hydrated').length";
  await expect.poll(() => tab.evaluate(fetched)).toBe(1);
  const [, traceId = "", spanId = ""] = header.split("-");
  expect(spanId, "the browser tells Server-Timing").toHaveLength(16);
  return { traceId, spanId };
}

async function expectHydrationBelow({ traceId, spanId }: Served): Promise<void> {
  const ancestors = async () => {
    const spans = (await readTrace(traceId))?.spans ?? [];
    const fetched = spans.find(
      ({ kind, attributes }) =>
        kind === "client" && String(attributes["url.full"]).endsWith("/api/echo/hydrated"),
    );
    return ancestorsOf(fetched, spans).map((span) => span.spanId);
  };
  await expect.poll(ancestors, { timeout: 20_000 }).toContain(spanId);
}

function ancestorsOf(span: SpanJson | undefined, spans: readonly SpanJson[]): readonly SpanJson[] {
  const parent = span && spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent ? [parent, ...ancestorsOf(parent, spans)] : [];
}

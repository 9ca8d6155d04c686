import { trace } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage, type PostedSpan, readBody } from "../../test/fake-page.ts";
import { tracePageLoad } from "../page/page-load.ts";
import { traceResourceTiming } from "../request/resource-timing.ts";
import { startWebTracing } from "../start.ts";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
  vi.restoreAllMocks();
});

test.each([
  ["alone", []],
  ["with resource timing and the page load", [traceResourceTiming(), tracePageLoad()]],
])(
  "a library that wraps fetch before us and one that does after us make no export loop, %s",
  async (_name, instruments) => {
    const native = window.fetch;
    const posted: PostedSpan[] = [];
    const calls: string[] = [];
    window.fetch = (input, init) => {
      if (String(input).endsWith("/v1/traces")) posted.push(...readBody(String(init?.body)));
      return native(input, init);
    };
    const wrap = (who: string): void => {
      const inner = window.fetch;
      window.fetch = (input, init) => {
        calls.push(
          `${who} ${new URL(input instanceof Request ? input.url : String(input), location.href).pathname}`,
        );
        // As instrumentations do: a span of the global tracer for each call.
        const span = trace.getTracer(who).startSpan(`${who} span`);
        return inner(input, init).finally(() => span.end());
      };
    };
    wrap("before");
    const tracing = startWebTracing({ instruments });
    wrap("after");
    await fetch("/orders").then((response) => response.text());
    for (let round = 0; round < 5; round++) await tracing.flush();
    const names = posted.map(({ name }) => name).filter((name) => !/^(page|document|resource)/.test(name));
    expect(names.sort()).toEqual(["GET", "after span", "before span"]);
    expect(JSON.stringify(posted.map(({ attributes }) => attributes))).not.toContain("/v1/traces");
    expect(posted.some(({ name }) => name === "page load")).toBe(instruments.length > 0);
    expect(calls.filter((call) => call.endsWith("/v1/traces"))).toEqual(["before /api/tl/v1/traces"]);
    await tracing.stop();
    window.fetch = native;
  },
);

test.each([
  ["ten minutes forward", 600_000],
  ["ten minutes back", -600_000],
])(
  "a wall clock set %s in the middle of a request moves no end, and the next span follows it",
  async (_name, ms) => {
    page = openFakePage({}, () => {
      const wall = Date.now.bind(Date);
      vi.spyOn(Date, "now").mockImplementation(() => wall() + ms);
      return new Response("ok");
    });
    const before = Date.now();
    await fetch("/orders").then((response) => response.text());
    const jumped = Date.now();
    await fetch("/else").then((response) => response.text());
    const spans = (await page.spans()).map(({ startTimeUnixNano, endTimeUnixNano }) => ({
      startMs: Number(startTimeUnixNano) / 1e6,
      lastedMs: Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6,
    }));
    // A span begins by the clock of its beginning and lasts by `performance.now`, which nobody sets.
    const [first, second] = spans;
    expect((first?.startMs ?? 0) - before).toBeLessThan(300_000);
    expect((second?.startMs ?? 0) - jumped).toBeGreaterThan(-300_000);
    expect(Math.sign((second?.startMs ?? 0) - (first?.startMs ?? 0))).toBe(Math.sign(ms));
    for (const { lastedMs } of spans) {
      expect(lastedMs).toBeGreaterThanOrEqual(0);
      expect(lastedMs).toBeLessThan(300_000);
    }
  },
);

test("after the page's clock stood still in a sleep, spans begin at the right time and last as long as they ran", async () => {
  page = openFakePage();
  // The page slept for an hour: the wall clock went on, `performance.now` did not.
  const wall = Date.now.bind(Date);
  const asleepMs = 3_600_000;
  vi.spyOn(Date, "now").mockImplementation(() => wall() + asleepMs);
  const before = wall() + asleepMs;
  // Not at once: both clocks are read again where something came between them.
  for (let turn = 0; turn < 5; turn++) await fetch("/orders").then((response) => response.text());
  const span = (await page.spans()).at(-1);
  const startMs = Number(BigInt(span?.startTimeUnixNano ?? 0) / 1_000_000n);
  const endMs = Number(BigInt(span?.endTimeUnixNano ?? 0) / 1_000_000n);
  expect(startMs).toBeGreaterThanOrEqual(before);
  expect(endMs - startMs).toBeGreaterThanOrEqual(0);
  expect(endMs - startMs).toBeLessThan(60_000);
});

import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage, type PostedSpan } from "../../test/fake-page.ts";
import { traceResourceTiming } from "./resource-timing.ts";
import { traceXhr } from "./xhr.ts";

/** This very module, which the test server serves; `?` makes it another resource. */
const HERE = import.meta.url.split("?", 1)[0] ?? "";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

type Network = (url: string, init: RequestInit | undefined) => Response | Promise<Response>;

/** A page with a real network below the tracing. */
function open(network?: Network): FakePage {
  const native = fetch;
  page = openFakePage(
    { instruments: [traceResourceTiming(), traceXhr()] },
    network ?? ((url, init) => native(url, init)),
  );
  return page;
}

async function read(url: string): Promise<void> {
  await (await fetch(url, { cache: "no-store" })).text();
}

function eventsOf(span: PostedSpan | undefined): readonly (readonly [string, number])[] {
  return (span?.events ?? []).map(({ name, timeUnixNano }) => [name, Number(timeUnixNano) / 1e6]);
}

const namesOf = (span: PostedSpan | undefined): readonly string[] => eventsOf(span).map(([name]) => name);

test("a request tells when its answer began and ended, how large it was and over which protocol", async () => {
  const opened = open();
  await read(`${HERE}?one`);
  const [span] = await opened.spans();
  const events = eventsOf(span);
  expect(namesOf(span)).toEqual(
    expect.arrayContaining(["fetchStart", "requestStart", "responseStart", "responseEnd"]),
  );
  const times = events.map(([, ms]) => ms);
  expect(times).toEqual([...times].sort((one, other) => one - other));
  expect(times[0]).toBeGreaterThanOrEqual(Number(span?.startTimeUnixNano) / 1e6 - 0.2);
  expect(times.at(-1)).toBeLessThanOrEqual(Number(span?.endTimeUnixNano) / 1e6);
  expect(Number(span?.attributes["http.response.body.size"])).toBeGreaterThan(100);
  expect(Number(span?.attributes["http.response.size"])).toBeGreaterThan(100);
  expect(span?.attributes["network.protocol.version"]).toBe("1.1");
});

test("its events are upstream's, at the same times, without those of a connection that was there", async () => {
  const opened = open();
  const exporter = new InMemorySpanExporter();
  const upstream = new FetchInstrumentation();
  upstream.setTracerProvider(
    new BasicTracerProvider({
      sampler: new AlwaysOnSampler(),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    }),
  );
  upstream.enable();
  await read(`${HERE}?oracle`);
  await expect.poll(() => exporter.getFinishedSpans().length, { timeout: 3000 }).toBe(1);
  upstream.disable();
  const [span] = await opened.spans();
  const theirs = new Map(
    exporter.getFinishedSpans()[0]?.events.map(({ name, time }) => [name, time[0] * 1e3 + time[1] / 1e6]),
  );
  expect(eventsOf(span).length).toBeGreaterThanOrEqual(4);
  const offset = (theirs.get("fetchStart") ?? 0) - (eventsOf(span)[0]?.[1] ?? 0);
  for (const [name, ms] of eventsOf(span)) expect((theirs.get(name) ?? 0) - offset).toBeCloseTo(ms, 1);
});

function isWithin([from, until]: readonly [number, number], ms: number): boolean {
  return from - 0.1 <= ms && ms <= until + 0.1;
}

/** Where somebody sets the computer's clock while the tests run, spans go by that one. */
function keepWallClock(): void {
  const { timeOrigin } = performance;
  const now = performance.now.bind(performance);
  vi.spyOn(Date, "now").mockImplementation(() => Math.floor(timeOrigin + now()));
}

/** As Firefox tells the time: https://developer.mozilla.org/docs/Web/API/Performance/now#security_requirements */
function roundClock(): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => Math.floor(now()));
  for (const [owner, name] of [
    [PerformanceEntry.prototype, "startTime"],
    [PerformanceResourceTiming.prototype, "fetchStart"],
    [PerformanceResourceTiming.prototype, "requestStart"],
    [PerformanceResourceTiming.prototype, "responseStart"],
    [PerformanceResourceTiming.prototype, "responseEnd"],
  ] as const) {
    const exact = Object.getOwnPropertyDescriptor(owner, name)?.get;
    vi.spyOn(owner as PerformanceResourceTiming, name, "get").mockImplementation(function (this: unknown) {
      return Math.floor(exact?.call(this));
    });
  }
}

test.each([
  ["a fine clock", () => undefined],
  ["a clock of whole milliseconds", roundClock],
])("twenty requests at once to one address each have their own times: %s", async (_, setClock) => {
  keepWallClock();
  setClock();
  const opened = open();
  const calls: (readonly [number, number])[] = [];
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const from = performance.now();
      const done = read(`${HERE}?many`);
      calls.push([performance.timeOrigin + from, performance.timeOrigin + performance.now()]);
      await done;
    }),
  );
  const spans = await opened.spans();
  expect(spans).toHaveLength(20);
  const joined = spans.filter(({ events }) => events);
  // Where a tick ends during a call, another may have taken what was left.
  expect(joined.length).toBeGreaterThanOrEqual(18);
  for (const span of joined) {
    const start = Number(span.startTimeUnixNano) / 1e6;
    const [, began = 0] = eventsOf(span)[0] ?? [];
    expect(calls.filter((call) => isWithin(call, start) && isWithin(call, began))).not.toEqual([]);
    expect(namesOf(span).at(-1)).toBe("responseEnd");
  }
  const tenths = (from = 0, until = 0) => Math.round((until - from) * 10);
  const left = (performance.getEntriesByName(`${HERE}?many`) as PerformanceResourceTiming[])
    .slice(-20)
    .map(({ fetchStart, responseEnd }) => tenths(fetchStart, responseEnd));
  for (const span of joined) {
    const index = left.indexOf(tenths(eventsOf(span)[0]?.[1], eventsOf(span).at(-1)?.[1]));
    expect(index, "the times of an answer that no other has").toBeGreaterThanOrEqual(0);
    left.splice(index, 1);
  }
});

test("where a wrapper below us waits before it passes calls on, no request gets the times of another", async () => {
  const native = fetch;
  let waitMs = 40;
  const opened = open(async (url, init) => {
    // The first call is the last to go out.
    waitMs -= 20;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    return native(url, init);
  });
  await Promise.all([read(`${HERE}?late`), read(`${HERE}?late`)]);
  const spans = await opened.spans();
  expect(spans.map(namesOf)).toEqual([[], []]);
});

test("an XMLHttpRequest has them too", async () => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", `${HERE}?xhr`);
  xhr.send();
  await new Promise((resolve) => xhr.addEventListener("loadend", resolve));
  const [span] = await opened.spans();
  expect(namesOf(span)).toContain("responseEnd");
});

test("a span does not wait for them, and one that goes with the page has them when they are there", async () => {
  const opened = open();
  await read(`${HERE}?leave`);
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  const [span] = opened.posted();
  expect(namesOf(span)).toContain("responseEnd");
});

test("an answer that no network gave has none", async () => {
  const opened = open(() => new Response("mocked"));
  await read(`${HERE}?mock`);
  const [span] = await opened.spans();
  expect(span?.events).toBeUndefined();
  expect(span?.attributes).not.toHaveProperty("http.response.body.size");
});

/** What the browser hands over is the test's. */
function openWithEntries() {
  const pending: Partial<PerformanceResourceTiming>[] = [];
  vi.stubGlobal(
    "PerformanceObserver",
    class {
      static readonly supportedEntryTypes = ["resource"];
      observe = () => undefined;
      disconnect = () => undefined;
      takeRecords = () => pending.splice(0);
    },
  );
  const opened = open(() => new Response("ok"));
  return {
    opened,
    measure(entry: Partial<PerformanceResourceTiming>): void {
      pending.push({ name: HERE, nextHopProtocol: "", transferSize: 0, encodedBodySize: 0, ...entry });
    },
  };
}

test("two entries that began during one call are not told apart, so neither is joined", async () => {
  const { opened, measure } = openWithEntries();
  const from = performance.now();
  await read(HERE);
  for (const fetchStart of [from, from]) measure({ startTime: from + 0.1, fetchStart });
  const [span] = await opened.spans();
  expect(span?.events).toBeUndefined();
});

test.each([
  ["just after the call is joined in WebKit", "Apple Computer, Inc.", 2, ["fetchStart"]],
  ["just after the call is not joined elsewhere", "Google Inc.", 2, []],
  ["later, behind somebody who waited, is not joined", "Apple Computer, Inc.", 20, []],
])("an entry that began %s", async (_, vendor, lateMs, expected) => {
  vi.spyOn(navigator, "vendor", "get").mockReturnValue(vendor);
  const { opened, measure } = openWithEntries();
  const done = read(HERE);
  const until = performance.now();
  await done;
  measure({ startTime: until + lateMs, fetchStart: until });
  const [span] = await opened.spans();
  expect(namesOf(span)).toEqual(expected);
});

test("another origin tells no phases, and what comes after the span's end is left out", async () => {
  const { opened, measure } = openWithEntries();
  const clock = vi.spyOn(performance, "now");
  const at = performance.now();
  clock.mockReturnValue(at);
  const done = read(HERE);
  clock.mockReturnValue(at + 10);
  await done;
  clock.mockRestore();
  measure({ startTime: at, fetchStart: at, requestStart: 0, responseStart: 0, responseEnd: at + 20 });
  const [span] = await opened.spans();
  expect(namesOf(span)).toEqual(["fetchStart"]);
});

test("after the page's clock stood still in a sleep, phases lie inside the span", async () => {
  const { opened, measure } = openWithEntries();
  const wall = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => wall() + 3_600_000);
  const clock = vi.spyOn(performance, "now");
  const at = performance.now();
  clock.mockReturnValue(at);
  const done = read(HERE);
  clock.mockReturnValue(at + 10);
  await done;
  vi.restoreAllMocks();
  measure({
    startTime: at,
    fetchStart: at,
    requestStart: at + 1,
    responseStart: at + 8,
    responseEnd: at + 9,
  });
  const [span] = await opened.spans();
  const start = Number(span?.startTimeUnixNano) / 1e6;
  expect(start).toBeGreaterThan(wall() + 3_500_000);
  expect(eventsOf(span).map(([name, ms]) => [name, Math.round(ms - start)])).toEqual([
    ["fetchStart", 0],
    ["requestStart", 1],
    ["responseStart", 8],
    ["responseEnd", 9],
  ]);
});

test("a stop leaves the observer, and the page's own buffer is never touched", async () => {
  const clear = vi.spyOn(performance, "clearResourceTimings");
  const resize = vi.spyOn(performance, "setResourceTimingBufferSize");
  const disconnect = vi.spyOn(PerformanceObserver.prototype, "disconnect");
  const opened = open();
  await read(`${HERE}?stop`);
  await opened.close();
  expect(disconnect).toHaveBeenCalledTimes(1);
  expect([clear.mock.calls, resize.mock.calls]).toEqual([[], []]);
  vi.restoreAllMocks();
});

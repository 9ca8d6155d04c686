import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, type CDPSession, expect, type Page, test } from "@playwright/test";
import { memoryOf } from "../../../scripts/process-facts.mjs";
import { bundleApp } from "./fixtures/bundle.ts";
import { isClassic, LIMITS, untilFailed } from "./fixtures/preset.mjs";

const APP = `
import { trace } from "@opentelemetry/api";
import { offlineQueue, startWebTracing, traceResourceTiming, traceXhr, withSpan } from "@throughline/web";
const asked = new URLSearchParams(location.search);
const ifAsked = (name, instrument) => (asked.has(name) ? [instrument()] : []);
window.start = (options) => {
  const instruments = [traceXhr(), ...ifAsked("queue", offlineQueue), ...ifAsked("timing", traceResourceTiming)];
  window.tracing = startWebTracing({ instruments, ...options });
};
if (!asked.has("later")) start();
/** As instrumentations do: a span of the global tracer for each call. */
window.wrapFetch = (who) => {
  const inner = window.fetch;
  window.fetch = (input, init) => {
    const span = trace.getTracer(who).startSpan("span " + who);
    return inner(input, init).finally(() => span.end());
  };
};
window.makeSpans = (count) => {
  for (let index = 0; index < count; index++) {
    withSpan("span " + index, { attributes: { text: "x".repeat(225) } }, () => undefined);
  }
};
/** With eight pauses. */
window.readStream = async (bytes, keepsCopy) => {
  const response = await fetch("/stream?" + bytes);
  if (keepsCopy) window.kept = [];
  const reader = response.body.getReader();
  let read = 0;
  for (let pauses = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return read;
    read += value.length;
    if (keepsCopy) kept.push(value);
    if (read < ((pauses + 1) * bytes) / 8) continue;
    pauses++;
    await pause();
  }
};
window.followEvents = async () => {
  const response = await fetch("/events");
  const [one, two] = response.body.tee();
  let piped = 0;
  const pipe = two.pipeTo(new WritableStream({ write: (chunk) => { piped += chunk.length; } }));
  window.followed = 0;
  const reader = one.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) followed += part.value.length;
  await pipe;
  return [response instanceof Response, response.body.locked, one instanceof ReadableStream, followed, piped];
};
window.readEvents = async () => {
  const reader = (await fetch("/events")).body.getReader();
  await reader.read();
  const cancelledAt = Date.now();
  await reader.cancel();
  return cancelledAt;
};
`;

const MEGABYTE = 2 ** 20;

interface Site {
  readonly url: string;
  readonly methods: readonly string[];
  /** Every span name that was posted, as often as it was. */
  readonly names: () => readonly string[];
  /** Of all posts. */
  readonly bytes: () => number;
  /** Of every `GET` that was posted. */
  readonly durationsMs: () => readonly number[];
  /** When each event stream was closed. */
  readonly eventsClosedAt: readonly number[];
  readonly endEvents: () => void;
  readonly stop: () => void;
}

/** In the address of a page whose posts, which leave one after another, are answered at once. */
const PROMPT = "prompt";

async function startSite(delayMs: number): Promise<Site> {
  const script = await bundleApp(APP);
  const methods: string[] = [];
  const bodies: string[] = [];
  const eventsClosedAt: number[] = [];
  let endEvents: () => void = () => undefined;
  const ingest = (request: IncomingMessage, response: ServerResponse): void => {
    let body = "";
    request.setEncoding("utf8").on("data", (part) => {
      body += part;
    });
    const isPrompt = request.headers.referer?.includes(PROMPT);
    request.on("end", () =>
      // A server that takes its time, and drops what nobody waits for any more.
      setTimeout(
        () => {
          if (response.destroyed) return;
          bodies.push(body);
          response.setHeader("content-type", "application/json").end("{}");
        },
        isPrompt ? 0 : delayMs,
      ),
    );
  };
  const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    "/": (_, response) =>
      response
        .setHeader("content-type", "text/html")
        .end('<!doctype html><link rel="icon" href="/icon"><script type="module" src="/app.js"></script>'),
    "/icon": (_, response) => response.writeHead(204).end(),
    "/app.js": (_, response) => response.setHeader("content-type", "text/javascript").end(script),
    "/stream": ({ url = "" }, response) => stream(response, Number(url.split("?")[1])),
    "/events": (_, response) => {
      response.setHeader("content-type", "text/event-stream").write("data: 1\n\n");
      endEvents = () => response.end("data: 2\n\n");
      response.on("close", () => {
        eventsClosedAt.push(Date.now());
      });
    },
    "/api/tl/v1/traces": ingest,
    "/other/v1/traces": ingest,
  };
  const server = createServer((request, response) => {
    methods.push(request.method ?? "");
    response
      .setHeader("content-security-policy", "default-src 'self'")
      .setHeader("cache-control", "no-store");
    const route = routes[new URL(request.url ?? "/", "http://site").pathname];
    if (route) route(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    methods,
    bytes: () => bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0),
    names: () =>
      bodies.flatMap((body) =>
        [...body.matchAll(/"name":"((?:span|GET)[^"]*)"/g)].map(([, name]) => name ?? ""),
      ),
    durationsMs: () =>
      bodies
        .flatMap((body) => [
          ...body.matchAll(/"name":"GET"[^[]*?"startTimeUnixNano":"(\d+)","endTimeUnixNano":"(\d+)"/g),
        ])
        .map(([, start = 0, end = 0]) => Number(BigInt(end) - BigInt(start)) / 1e6),
    eventsClosedAt,
    endEvents: () => endEvents(),
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function stream(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(2 ** 18);
  let left = bytes;
  const write = (): void => {
    while (left > 0) {
      left -= chunk.length;
      if (!response.write(chunk)) {
        response.once("drain", write);
        return;
      }
    }
    response.end();
  };
  write();
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[numbers.length >> 1] ?? Number.NaN;
}

/** The page's process, which takes what the page takes: the browser has others, for pages of its own. */
async function processOf(page: Page, browser: Browser): Promise<number> {
  const client = await browser.newBrowserCDPSession();
  const memory = async (): Promise<ReadonlyMap<number, number>> => {
    const { processInfo } = await client.send("SystemInfo.getProcessInfo");
    const pages = processInfo.filter(({ type }) => type === "renderer");
    return new Map(pages.map(({ id }) => [id, memoryOf(id)]));
  };
  const before = await memory();
  await page.evaluate(`void (window.ballast = new Uint8Array(${256 * MEGABYTE}).fill(1))`);
  const grown = [...(await memory())].map(([id, bytes]) => [id, bytes - (before.get(id) ?? 0)] as const);
  await page.evaluate("delete window.ballast");
  const [id, bytes] = grown.reduce((one, other) => (other[1] > one[1] ? other : one));
  expect(bytes).toBeGreaterThan(200 * MEGABYTE);
  return id;
}

/**
 * Resident bytes without garbage and without what the page has received and not read yet. A copy of a body is in
 * no heap that the browser tells of.
 */
async function memoryOfPage(client: CDPSession, processId: number): Promise<number> {
  await client.send("HeapProfiler.collectGarbage");
  const { embedderHeapUsedSize } = await client.send("Runtime.getHeapUsage");
  return memoryOf(processId) - embedderHeapUsedSize;
}

let site: Site;

test.afterEach(() => site.stop());

test("under default-src 'self' spans arrive, with no console error and no preflight", async ({ page }) => {
  test.fail(isClassic, LIMITS.late);
  site = await startSite(0);
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(site.url);
  await page.evaluate("fetch('/icon').then(() => tracing.flush())");
  expect(site.names()).toEqual(["GET"]);
  expect(errors).toEqual([]);
  expect(site.methods).not.toContain("OPTIONS");
});

for (const { starts, again } of [
  { starts: "one start", again: undefined },
  { starts: "a second start with another endpoint", again: 'start({ endpoint: "/other/v1/traces" })' },
])
  test(`fetch wrapped before and after ${starts}, with resource timing: a request is told once, and nothing is sent in the minute that follows`, async ({
    page,
  }) => {
    site = await startSite(0);
    await page.goto(`${site.url}?later&timing`);
    await page.evaluate('wrapFetch("before"); start(); wrapFetch("after")');
    if (again) await page.evaluate(`${again}; wrapFetch("last")`);
    await page.evaluate("fetch('/icon').then((answer) => answer.text())");
    const wrappers = ["span after", "span before", ...(again ? ["span last"] : [])];
    await expect.poll(() => site.names().toSorted()).toEqual(["GET", ...wrappers]);
    const before = site.methods.length;
    await passTime(page, 60_000);
    await page.evaluate("tracing.flush()");
    expect(site.methods.length - before).toBe(0);
  });

/** The page's time goes on at once whenever it waits for nothing but its timers. */
async function passTime(page: Page, ms: number): Promise<void> {
  const client = await page.context().newCDPSession(page);
  const passed = new Promise((resolve) => client.once("Emulation.virtualTimeBudgetExpired", resolve));
  await client.send("Emulation.setVirtualTimePolicy", {
    policy: "pauseIfNetworkFetchesPending",
    budget: ms,
  });
  await passed;
  await client.send("Emulation.setVirtualTimePolicy", { policy: "advance" });
}

test("a stream of 1 GB is one span, and never takes 20 MB more than an untraced one", async ({
  page,
  browser,
}) => {
  test.fail(isClassic, LIMITS.copied);
  test.slow();
  site = await startSite(0);
  let pause = async (): Promise<void> => undefined;
  await page.exposeFunction("pause", () => pause());
  await page.goto(`${site.url}?later`);
  const client = await page.context().newCDPSession(page);
  const processId = await processOf(page, browser);
  await page.evaluate(`readStream(${256 * MEGABYTE})`);
  const memory = () => memoryOfPage(client, processId);
  const samples: number[] = [];
  pause = async () => void samples.push(await memory());
  await page.evaluate(`readStream(${256 * MEGABYTE})`);
  // What was freed is given back later, so that they differ too.
  const untraced = Math.max(...samples);

  await page.evaluate("start()");
  // In the page too, which reads no further than that.
  pause = async () => expect(await memory()).toBeLessThan(untraced + 20 * MEGABYTE);
  expect(await page.evaluate(`readStream(${1024 * MEGABYTE})`)).toBe(1024 * MEGABYTE);
  await pause();
  await page.evaluate("tracing.flush()");
  expect(site.names()).toEqual(["GET"]);

  // And what is kept would have been seen.
  pause = async () => undefined;
  await page.evaluate(`readStream(${256 * MEGABYTE}, true)`);
  await expect.poll(memory).toBeGreaterThan(untraced + 200 * MEGABYTE);
});

test("cancelling an event stream closes the connection within 100 ms and ends its span", async ({ page }) => {
  test.fail(isClassic, LIMITS.copied);
  site = await startSite(0);
  await page.goto(site.url);
  const delaysMs: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    const cancelledAt = await page.evaluate<number>("readEvents()");
    await expect.poll(() => site.eventsClosedAt.length, untilFailed).toBe(turn + 1);
    delaysMs.push((site.eventsClosedAt[turn] ?? Number.NaN) - cancelledAt);
  }
  // A busy machine may hold up some of them, but not half.
  expect(medianOf(delaysMs)).toBeLessThan(100);
  await page.evaluate("tracing.flush()");
  expect(site.names()).toEqual(delaysMs.map(() => "GET"));
});

test("an event stream of ten minutes by the page's clock: one span of its length, and tee and pipeTo as ever", async ({
  page,
}) => {
  test.fail(isClassic, LIMITS.late);
  site = await startSite(0);
  await page.clock.install();
  await page.goto(site.url);
  const followed = page.evaluate("followEvents()");
  await expect.poll(() => page.evaluate("window.followed")).toBe(9);
  await page.clock.runFor("10:00");
  site.endEvents();
  expect(await followed).toEqual([true, true, true, 18, 18]);
  await page.evaluate("tracing.flush()");
  expect(site.names()).toEqual(["GET"]);
  const [durationMs = 0] = site.durationsMs();
  expect(durationMs).toBeGreaterThan(600_000);
  expect(durationMs).toBeLessThan(630_000);
});

interface Leaving {
  readonly come?: (page: Page, url: string) => Promise<unknown>;
  readonly go: (page: Page) => Promise<unknown>;
}

/** Another document of the site, which is not traced. */
const OTHER = "/?later";
const elsewhere = ({ url }: { readonly url: string }): string => new URL(OTHER, url).href;

const leave: Readonly<Record<string, Leaving>> = {
  // With its handlers run the call itself does not wait for the end.
  closed: { go: (page) => Promise.all([page.waitForEvent("close"), page.close({ runBeforeUnload: true })]) },
  navigated: { go: (page) => page.goto("about:blank") },
  "left by its script": {
    go: (page) => Promise.all([page.waitForURL(/later/), page.evaluate(`location.href = "${OTHER}"`)]),
  },
  "left by the back button": {
    come: async (page, url) => {
      await page.goto(elsewhere(site));
      await page.goto(url);
    },
    go: (page) => page.goBack(),
  },
  "left by the forward button": {
    come: async (page, url) => {
      await page.goto(url);
      await page.goto(elsewhere(site));
      await page.goBack();
    },
    go: (page) => page.goForward(),
  },
};

const comeAtOnce: Leaving["come"] = (page, url) => page.goto(url);

for (const [how, { come = comeAtOnce, go }] of Object.entries(leave)) {
  test(`of 500 spans of a page that is ${how} the last 50 arrive at once`, async ({ page, context }) => {
    site = await startSite(500);
    // The browser closes with its last page.
    await context.newPage();
    await come(page, site.url);
    await page.evaluate("makeSpans(500)");
    await go(page);
    const last = Array.from({ length: 50 }, (_, index) => `span ${450 + index}`);
    await expect.poll(() => last.filter((name) => !site.names().includes(name))).toEqual([]);
  });

  test(`of 500 spans of a page that is ${how} all arrive with the next load`, async ({ page, context }) => {
    site = await startSite(500);
    const next = await context.newPage();
    await come(page, `${site.url}?queue`);
    await page.evaluate("makeSpans(500)");
    await go(page);
    await next.goto(`${site.url}?queue&${PROMPT}`);
    await expect.poll(() => new Set(site.names()).size).toBeGreaterThanOrEqual(495);
  });
}

test("those 500 spans are about 250 KB", async ({ page }) => {
  site = await startSite(0);
  await page.goto(site.url);
  await page.evaluate("makeSpans(500); tracing.flush()");
  expect(site.names()).toHaveLength(500);
  expect(site.bytes()).toBeGreaterThan(240_000);
  expect(site.bytes()).toBeLessThan(260_000);
});

test("100 exports in a row arrive", async ({ page }) => {
  site = await startSite(0);
  await page.goto(site.url);
  await page.evaluate(
    "(async () => { for (let n = 0; n < 100; n++) { makeSpans(1); await tracing.flush(); } })()",
  );
  expect(site.names()).toHaveLength(100);
});

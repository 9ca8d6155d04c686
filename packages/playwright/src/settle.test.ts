import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { TEST_GLOBAL } from "@throughline/core/attributes";
import { expect, onTestFinished, test, vi } from "vitest";
import { RUNNING } from "../../web/src/running.ts";
import { postEntry } from "../test-data/order-trace.ts";
import type { SettleReport } from "./evidence.ts";
import { settle } from "./settle.ts";
import type { WireEntry, WireLog } from "./wire.ts";

// Stands in for page.evaluate: the page's own half runs in fixture.test.ts, in a real page.
function pagesOf(...answers: readonly (() => Promise<unknown>)[]): () => readonly Page[] {
  const pages = answers.map(
    (evaluate, index) =>
      ({ evaluate, isClosed: () => false, url: () => `http://shop.test/${index}` }) as unknown as Page,
  );
  return () => pages;
}

function wireOf(): Omit<WireLog, "watch"> & { end: () => void; open: (entry: WireEntry) => void } {
  let inFlight: WireEntry[] = [];
  const listeners = new Set<() => void>();
  return {
    entries: () => inFlight,
    position: () => 1,
    inFlight: () => inFlight,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => listeners.clear(),
    open: (entry) => inFlight.push(entry),
    end: () => {
      inFlight = [];
      for (const listener of [...listeners]) listener();
    },
  };
}

interface FlushRoute {
  /** Where a page would post its spans. */
  readonly url: string;
  readonly tokens: readonly (string | undefined)[];
  /** Paths that were asked for. */
  readonly asked: readonly string[];
}

async function flushRoute(status: number): Promise<FlushRoute> {
  const [tokens, asked]: [(string | undefined)[], string[]] = [[], []];
  const server = createServer((request, response) => {
    asked.push(String(request.url));
    tokens.push(request.headers["x-throughline-flush-token"]?.toString());
    response.writeHead(status, { location: "http://127.0.0.1:9/" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/tl/v1/traces`,
    tokens,
    asked,
  };
}

const flushed =
  (endpoint?: string, address = endpoint) =>
  (): Promise<unknown> =>
    Promise.resolve({ state: "flushed", endpoint, address });

test("pages of one app flush its server once, with the token", async () => {
  const { url, tokens, asked } = await flushRoute(204);
  const pages = pagesOf(flushed(url), flushed(url));
  const report = await settle({ pages, wire: wireOf(), flushToken: "secret" }, 5_000);
  expect(report).toMatchObject({ busy: [], flushedPages: 2, unflushedPages: [], server: "flushed" });
  expect(tokens).toEqual(["secret"]);
  expect(asked).toEqual(["/api/tl/flush"]);
});

test.each([
  ["of another origin", "http://127.0.0.1:9", (url: string) => url],
  ["that is no ingest route", undefined, (url: string) => url.replace("v1/traces", "spans")],
])("an endpoint %s is not flushed, and the token stays here", async (_, address, endpointOf) => {
  const { url, tokens } = await flushRoute(204);
  const pages = pagesOf(flushed(endpointOf(url), address ?? url));
  const report = await settle({ pages, wire: wireOf(), flushToken: "secret" }, 5_000);
  expect([report.server, tokens]).toEqual(["no flush route", []]);
});

test("without a token or a route the server is not asked, and the report says why", async () => {
  const { url, tokens } = await flushRoute(204);
  const wire = wireOf();
  const report = await settle({ pages: pagesOf(flushed(url)), wire, flushToken: "" }, 5_000);
  expect(report.server).toBe("no token");
  expect((await settle({ pages: pagesOf(flushed()), wire, flushToken: "secret" }, 5_000)).server).toBe(
    "no flush route",
  );
  expect(tokens).toEqual([]);
});

test("a refusal and a redirect are failures, never a barrier", async () => {
  for (const status of [404, 200, 307]) {
    const { url, tokens } = await flushRoute(status);
    const report = await settle({ pages: pagesOf(flushed(url)), wire: wireOf(), flushToken: "s" }, 5_000);
    expect(report.server).toMatch(/^failed: POST http/);
    expect(tokens.length).toBe(1);
  }
});

test.each([
  [
    403,
    /answered 403: the app has another THROUGHLINE_FLUSH_TOKEN than these tests; .* start it with the same/,
  ],
  [404, /answered 404: the app was started without THROUGHLINE_FLUSH_TOKEN .*; start it with both/],
])("a flush that answers %i says what is wrong with the token", async (status, text) => {
  const { url } = await flushRoute(status);
  const report = await settle({ pages: pagesOf(flushed(url)), wire: wireOf(), flushToken: "s" }, 5_000);
  expect(report.server).toMatch(text);
});

test("a flush that fails tells the reason behind fetch, or how long it waited", async () => {
  const gone = "http://127.0.0.1:9/api/tl/v1/traces";
  const refused = { pages: pagesOf(flushed(gone)), wire: wireOf(), flushToken: "s" };
  expect((await settle(refused, 5_000)).server).not.toMatch(/fetch failed$/);
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    silent.close();
    silent.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/api/tl/v1/traces`;
  const report = await settle({ pages: pagesOf(flushed(url)), wire: wireOf(), flushToken: "s" }, 50);
  expect(report.server).toMatch(/no answer within \d+ ms$/);
});

test("the browser is flushed only after its requests have ended", async () => {
  const wire = wireOf();
  wire.open(postEntry({ state: "open" }));
  const asked: string[] = [];
  const pages = pagesOf(() => {
    asked.push(wire.inFlight().length === 0 ? "idle" : "busy");
    return flushed()();
  });
  const settling = settle({ pages, wire, flushToken: "" }, 60_000);
  expect(asked).toEqual([]);
  wire.end();
  expect((await settling).busy).toEqual([]);
  expect(asked).toEqual(["idle"]);
});

test("a hanging request and a hanging page end at the deadline and are named", async () => {
  const wire = wireOf();
  wire.open(postEntry({ state: "open" }));
  const pages = pagesOf(() => new Promise(() => undefined));
  const report = await settle({ pages, wire, flushToken: "" }, 20);
  expect(report.busy).toEqual(["http://shop.test/api/orders"]);
  expect(report).toMatchObject({ flushedPages: 0, unflushedPages: ["http://shop.test/0"] });
});

/** Settles a page whose global object is that of this test. */
function settleHere(): Promise<SettleReport> {
  const here = {
    evaluate: (half: (name: string) => unknown, name: string) => half(name),
    isClosed: () => false,
    url: () => "http://shop.test/",
  } as unknown as Page;
  return settle({ pages: () => [here], wire: wireOf(), flushToken: "" }, 5_000);
}

test("a page without a tracer is told from one whose tracer waits for consent or was stopped", async () => {
  vi.stubGlobal("document", { readyState: "complete" });
  const running = globalThis as { [RUNNING]?: unknown };
  onTestFinished(() => {
    vi.unstubAllGlobals();
    delete running[RUNNING];
  });
  const unflushedPages = ["http://shop.test/"];
  expect(await settleHere()).toMatchObject({ unflushedPages, untracedPages: unflushedPages });
  running[RUNNING] = undefined;
  expect(await settleHere()).toMatchObject({ unflushedPages, untracedPages: [] });
});

test("a page that is still loading may get its tracer yet", async () => {
  onTestFinished(() => void vi.unstubAllGlobals());
  vi.stubGlobal("document", { readyState: "interactive" });
  vi.stubGlobal("location", { href: "http://shop.test/" });
  vi.stubGlobal("addEventListener", (_load: string, listener: () => void) => {
    vi.stubGlobal(TEST_GLOBAL, { flush: async () => undefined });
    listener();
  });
  expect(await settleHere()).toMatchObject({ flushedPages: 1, untracedPages: [] });
});

test("a page that navigates during its flush is reported as not flushed", async () => {
  const pages = pagesOf(() => Promise.reject(new Error("Execution context was destroyed")), flushed());
  const report = await settle({ pages, wire: wireOf(), flushToken: "" }, 5_000);
  expect(report).toMatchObject({ flushedPages: 1, unflushedPages: ["http://shop.test/0"] });
});

import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import { type FakePage, openFakePage, type PostedSpan } from "../../test/fake-page.ts";
import type { TracedPage } from "../instrument.ts";
import { suppressTracing } from "../trace/suppression.ts";
import { withSpan } from "../with-span.ts";
import { traceXhr } from "./xhr.ts";

let page: FakePage | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
});

/** This very module, which the test server serves. */
const HERE = import.meta.url;

function open(options = {}): FakePage {
  page = openFakePage({ instruments: [traceXhr()], ...options });
  return page;
}

function ended(xhr: XMLHttpRequest): Promise<void> {
  return new Promise((resolve) => xhr.addEventListener("loadend", () => resolve()));
}

async function spanOf(opened: FakePage): Promise<PostedSpan | undefined> {
  const spans = await opened.spans();
  expect(spans).toHaveLength(1);
  return spans[0];
}

/** Keeps what reaches the browser's own `setRequestHeader`; call before tracing starts. */
function watchHeaders(): { readonly sent: readonly (readonly string[])[]; readonly stop: () => void } {
  const native = XMLHttpRequest.prototype.setRequestHeader;
  const sent: string[][] = [];
  XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
    sent.push([name, value]);
    native.call(this, name, value);
  };
  return {
    sent,
    stop: () => {
      XMLHttpRequest.prototype.setRequestHeader = native;
    },
  };
}

test("an answered request is one CLIENT span whose id is the header's parent", async () => {
  const headers = watchHeaders();
  const opened = open();
  const xhr = new XMLHttpRequest();
  xhr.open("get", HERE);
  xhr.send();
  await ended(xhr);
  const span = await spanOf(opened);
  expect(xhr.status).toBe(200);
  expect([span?.name, span?.kind, span?.status.code]).toEqual(["GET", 3, 0]);
  expect(span?.attributes).toMatchObject({
    "http.request.method": "GET",
    "throughline.propagation": "sent",
  });
  expect(Number(span?.attributes["http.response.status_code"])).toBe(200);
  expect(headers.sent).toEqual([["traceparent", `00-${span?.traceId}-${span?.spanId}-01`]]);
  await opened.close();
  headers.stop();
});

test("a request belongs to the span it was sent in", async () => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", HERE);
  await withSpan("work", () => {
    xhr.send();
    return ended(xhr);
  });
  const spans = await opened.spans();
  const work = spans.find(({ name }) => name === "work");
  expect(spans.find(({ name }) => name === "GET")?.parentSpanId).toBe(work?.spanId);
});

test("a header that the caller set is left as it is", async () => {
  const headers = watchHeaders();
  const opened = open();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", HERE);
  xhr.setRequestHeader("traceparent", `00-${"a".repeat(32)}-${"b".repeat(16)}-01`);
  xhr.send();
  await ended(xhr);
  expect(headers.sent).toHaveLength(1);
  expect((await spanOf(opened))?.attributes["throughline.propagation"]).toBe("caller");
  await opened.close();
  headers.stop();
});

test("an abort is no error", async () => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", HERE);
  xhr.send();
  xhr.abort();
  const span = await spanOf(opened);
  expect(span?.attributes["throughline.aborted"]).toBe(true);
  expect(span?.status.code).toBe(0);
});

test("an abort as its own timeout runs out, which axios does in place of the browser, is a timeout", async () => {
  const opened = open();
  for (const afterMs of [59_000, 59_995]) {
    const xhr = new XMLHttpRequest();
    xhr.open("GET", HERE);
    xhr.timeout = 60_000;
    xhr.send();
    const sentAt = performance.now();
    const now = vi.spyOn(performance, "now").mockReturnValue(sentAt + afterMs);
    xhr.abort();
    now.mockRestore();
  }
  const [early, late] = await opened.spans();
  expect([early?.status.code, early?.attributes["throughline.aborted"]]).toEqual([0, true]);
  expect([late?.status.code, late?.attributes["error.type"]]).toEqual([2, "TimeoutError"]);
  expect(late?.attributes).not.toHaveProperty("throughline.aborted");
});

test("an abort at once is none that runs out, and a second open neither", async () => {
  const opened = open();
  const short = new XMLHttpRequest();
  short.open("GET", HERE);
  short.timeout = 40;
  short.send();
  short.abort();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", HERE);
  xhr.timeout = 60_000;
  xhr.send();
  const now = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 59_995);
  xhr.open("GET", HERE);
  now.mockRestore();
  const spans = await opened.spans();
  expect(spans.map(({ attributes }) => attributes["throughline.aborted"])).toEqual([true, true]);
});

test("a second open ends the request it takes the place of, as aborted", async () => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", HERE);
  xhr.send();
  xhr.open("GET", HERE);
  xhr.send();
  await ended(xhr);
  const spans = await opened.spans();
  expect(spans.map(({ attributes }) => attributes["throughline.aborted"])).toEqual([true, undefined]);
});

test("an object that is used again after its answer is one span a send", async () => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  for (const method of ["GET", "HEAD"]) {
    xhr.open(method, HERE);
    xhr.send();
    await ended(xhr);
  }
  const spans = await opened.spans();
  expect(spans.map(({ name, attributes }) => [name, attributes["throughline.aborted"]])).toEqual([
    ["GET", undefined],
    ["HEAD", undefined],
  ]);
});

test.each([
  ["load", HERE, 200],
  ["error", "http://localhost:9/closed", undefined],
  ["readystatechange", HERE, 200],
])("an object that its own %s listener opens again is one span a send", async (event, url, status) => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  const again = new Promise<void>((resolve) => {
    let count = 0;
    xhr[`on${event}` as "onload"] = () => {
      if (xhr.readyState !== XMLHttpRequest.DONE) return;
      count += 1;
      if (count > 1) {
        xhr.addEventListener("loadend", () => resolve());
        return;
      }
      xhr.open("GET", url);
      xhr.send();
    };
  });
  xhr.open("GET", url);
  xhr.send();
  await again;
  const spans = await opened.spans();
  expect(
    spans.map(({ attributes }) => [
      attributes["http.response.status_code"],
      attributes["error.type"],
      attributes["throughline.aborted"],
    ]),
  ).toEqual(Array(2).fill([status, status ? undefined : "NetworkError", undefined]));
});

test("a page that goes ends the span of an open request, and says so", () => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", HERE);
  xhr.send();
  window.dispatchEvent(new PageTransitionEvent("pagehide"));
  expect(opened.posted().map(({ attributes }) => attributes["throughline.ended_by"])).toEqual(["pagehide"]);
  xhr.abort();
});

test("a network failure is an error", async () => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  // The port of "discard", which browsers refuse.
  xhr.open("GET", "http://127.0.0.1:9/");
  xhr.send();
  await ended(xhr);
  const span = await spanOf(opened);
  expect(span?.attributes).toMatchObject({
    "error.type": "NetworkError",
    "throughline.propagation": "origin",
  });
  expect(span?.status.code).toBe(2);
});

test("a synchronous request is traced, answered or failed", async () => {
  const opened = open();
  const good = new XMLHttpRequest();
  good.open("GET", HERE, false);
  good.send();
  const bad = new XMLHttpRequest();
  bad.open("GET", "http://127.0.0.1:9/", false);
  expect(() => bad.send()).toThrow();
  const spans = await opened.spans();
  expect(spans.map(({ status }) => status.code)).toEqual([0, 2]);
});

test("an ignored URL is not traced, and a stop gives the browser's own methods back", async () => {
  const { open: nativeOpen, send, setRequestHeader } = XMLHttpRequest.prototype;
  const opened = open({ ignoreUrls: ["/"] });
  const xhr = new XMLHttpRequest();
  xhr.open("GET", HERE);
  xhr.send();
  await ended(xhr);
  expect(await opened.spans()).toEqual([]);
  expect(XMLHttpRequest.prototype.send).not.toBe(send);
  await opened.close();
  expect(XMLHttpRequest.prototype.open).toBe(nativeOpen);
  expect(XMLHttpRequest.prototype.send).toBe(send);
  expect(XMLHttpRequest.prototype.setRequestHeader).toBe(setRequestHeader);
});

test("a second send is refused by the browser, and the first goes on", async () => {
  const opened = open();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", HERE);
  xhr.send();
  expect(() => xhr.send()).toThrow(DOMException);
  await ended(xhr);
  const spans = await opened.spans();
  expect(spans.map(({ attributes }) => attributes["http.response.status_code"])).toEqual([200]);
});

test("in a context without tracing a request has neither span nor header, whatever the page does", async () => {
  const headers = watchHeaders();
  const opened = open({
    instruments: [
      traceXhr(),
      ({ tracer, setPageContext }: TracedPage) => {
        const load = tracer.startSpan("page load");
        setPageContext(trace.setSpan(ROOT_CONTEXT, load));
        return { stop: () => load.end() };
      },
    ],
  });
  await context.with(suppressTracing(ROOT_CONTEXT), async () => {
    const xhr = new XMLHttpRequest();
    xhr.open("GET", HERE);
    xhr.send();
    await ended(xhr);
  });
  headers.stop();
  expect(headers.sent).toEqual([]);
  expect(await opened.spans()).toEqual([]);
});

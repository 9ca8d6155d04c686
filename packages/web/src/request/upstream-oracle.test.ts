import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import { XMLHttpRequestInstrumentation } from "@opentelemetry/instrumentation-xml-http-request";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { openFakePage } from "../../test/fake-page.ts";
import { traceXhr } from "./xhr.ts";

type Answer = () => Promise<Response>;

function answerWith(status: number, path: string): Answer {
  return async () => {
    const response = new Response("ok", { status });
    Object.defineProperty(response, "url", { value: new URL(path, location.href).href });
    return response;
  };
}

const REQUESTS: readonly (readonly [string, string, RequestInit | undefined, Answer])[] = [
  ["a GET", "/orders/7", { method: "GET" }, answerWith(200, "/orders/7")],
  ["a POST", "/orders", { method: "POST", body: "{}" }, answerWith(201, "/orders")],
  ["a page that is not there", "/gone", undefined, answerWith(404, "/gone")],
  ["a failure of the server", "/orders", { method: "GET" }, answerWith(503, "/orders")],
  ["a redirect", "/old", undefined, answerWith(200, "/new")],
];

const FAILURES: readonly (readonly [string, Error, Readonly<Record<string, unknown>>])[] = [
  ["a failure of the network", new TypeError("Failed to fetch"), { "error.type": "TypeError" }],
  ["an abort", new DOMException("", "AbortError"), { "throughline.aborted": true }],
];

/** What upstream's instrument says of the same request. */
async function askUpstream(url: string, init: RequestInit | undefined, answer: Answer) {
  const native = globalThis.fetch;
  globalThis.fetch = answer;
  const exporter = new InMemorySpanExporter();
  const instrument = new FetchInstrumentation();
  instrument.setTracerProvider(
    new BasicTracerProvider({
      sampler: new AlwaysOnSampler(),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    }),
  );
  instrument.enable();
  await fetch(url, init).catch(() => undefined);
  await expect.poll(() => exporter.getFinishedSpans().length, { timeout: 3000 }).toBe(1);
  instrument.disable();
  globalThis.fetch = native;
  const [span] = exporter.getFinishedSpans();
  return span;
}

async function askUs(url: string, init: RequestInit | undefined, answer: Answer) {
  const page = openFakePage({}, answer);
  await fetch(url, init).catch(() => undefined);
  const [span] = await page.spans();
  await page.close();
  return span;
}

test.each(REQUESTS)(
  "%s has upstream's name, kind, status and attributes, and our own besides",
  async (_name, url, init, answer) => {
    const upstream = await askUpstream(url, init, answer);
    const span = await askUs(url, init, answer);
    expect(span?.name).toBe(upstream?.name);
    expect(span?.kind).toBe((upstream?.kind ?? 0) + 1);
    expect(span?.status.code).toBe(upstream?.status.code);
    const { "throughline.propagation": _ours, ...attributes } = span?.attributes ?? {};
    expect(attributes).toEqual(upstream?.attributes);
  },
);

test.each(FAILURES)(
  "%s has upstream's name, kind and attributes, and how it failed in place of a status of 0",
  async (_name, failure, how) => {
    const answer = () => Promise.reject(failure);
    const upstream = await askUpstream("/orders", undefined, answer);
    const span = await askUs("/orders", undefined, answer);
    expect(span?.name).toBe(upstream?.name);
    expect(span?.kind).toBe((upstream?.kind ?? 0) + 1);
    const { "throughline.propagation": _ours, ...attributes } = span?.attributes ?? {};
    const { "http.response.status_code": status, ...theirs } = upstream?.attributes ?? {};
    expect(status).toBe(0);
    expect(attributes).toEqual({ ...theirs, ...how });
  },
);

/** This very module, which the test server has. */
const HERE = new URL(import.meta.url).pathname;

/** Sends to the test server. */
function send(method: string, url: string, abort: boolean): Promise<void> {
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    xhr.addEventListener("loadend", () => resolve());
    xhr.open(method, url);
    xhr.send();
    if (abort) xhr.abort();
  });
}

async function askXhrUpstream(...request: Parameters<typeof send>) {
  const exporter = new InMemorySpanExporter();
  const instrument = new XMLHttpRequestInstrumentation();
  instrument.setTracerProvider(
    new BasicTracerProvider({
      sampler: new AlwaysOnSampler(),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    }),
  );
  instrument.enable();
  await send(...request);
  await expect.poll(() => exporter.getFinishedSpans().length, { timeout: 3000 }).toBe(1);
  instrument.disable();
  return exporter.getFinishedSpans()[0];
}

async function askXhrUs(...request: Parameters<typeof send>) {
  const page = openFakePage({ instruments: [traceXhr()] });
  await send(...request);
  const [span] = await page.spans();
  await page.close();
  return span;
}

test.each([
  ["a GET", "GET", HERE, false, {}],
  ["a POST", "POST", HERE, false, {}],
  ["a page that is not there", "GET", "/none/such.json", false, {}],
  ["an abort", "GET", HERE, true, { "throughline.aborted": true }],
] as const)(
  "by XMLHttpRequest %s has upstream's name, kind, status and attributes, and our own besides",
  async (_name, method, url, abort, own) => {
    const upstream = await askXhrUpstream(method, url, abort);
    const span = await askXhrUs(method, url, abort);
    expect([span?.name, span?.kind]).toEqual([upstream?.name, (upstream?.kind ?? 0) + 1]);
    const { "throughline.propagation": _ours, ...attributes } = span?.attributes ?? {};
    expect(attributes).toEqual({ ...upstream?.attributes, ...own });
    expect(span?.status.code).toBe(upstream?.status.code);
  },
);

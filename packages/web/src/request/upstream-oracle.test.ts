import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { openFakePage } from "../../test/fake-page.ts";

const REQUESTS: readonly (readonly [string, string, RequestInit | undefined, number])[] = [
  ["a GET", "/orders/7", { method: "GET" }, 200],
  ["a POST", "/orders", { method: "POST", body: "{}" }, 201],
  ["a failure of the server", "/orders", { method: "GET" }, 503],
];

/** What upstream's instrument says of the same request. */
async function askUpstream(url: string, init: RequestInit | undefined, status: number) {
  const native = globalThis.fetch;
  globalThis.fetch = async () => {
    const response = new Response("ok", { status });
    Object.defineProperty(response, "url", { value: new URL(url, location.href).href });
    return response;
  };
  const exporter = new InMemorySpanExporter();
  const instrument = new FetchInstrumentation();
  instrument.setTracerProvider(
    new BasicTracerProvider({
      sampler: new AlwaysOnSampler(),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    }),
  );
  instrument.enable();
  await fetch(url, init);
  await expect.poll(() => exporter.getFinishedSpans().length, { timeout: 3000 }).toBe(1);
  instrument.disable();
  globalThis.fetch = native;
  const [span] = exporter.getFinishedSpans();
  return span;
}

test.each(REQUESTS)(
  "%s has upstream's name, kind, status and attributes, and our own besides",
  async (_name, url, init, status) => {
    const upstream = await askUpstream(url, init, status);
    const page = openFakePage({}, () => new Response("ok", { status }));
    await fetch(url, init);
    const [span] = await page.spans();
    await page.close();
    expect(span?.name).toBe(upstream?.name);
    expect(span?.kind).toBe((upstream?.kind ?? 0) + 1);
    expect(span?.status.code).toBe(upstream?.status.code);
    const { "throughline.propagation": _ours, ...attributes } = span?.attributes ?? {};
    expect(attributes).toEqual(upstream?.attributes);
  },
);

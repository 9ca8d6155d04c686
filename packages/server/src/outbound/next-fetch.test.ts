import { context, SpanKind, trace } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { inMemory, nothing, type TracedCalls } from "../../test-data/traced-calls.ts";
import { noteNetworkUse } from "./network-use.ts";
import { hearCacheHits } from "./next-fetch.ts";

let memory: TracedCalls;
afterEach(() => memory.stop());

// As Next.js 16.4.6 opens and describes the span of a fetch.
async function nextFetch(status: string, send: () => void = () => undefined): Promise<string | undefined> {
  const options = {
    kind: SpanKind.CLIENT,
    attributes: {
      "next.span_type": "AppRender.fetch",
      "http.url": "http://stock.test/items?key=secret",
      "http.method": "GET",
    },
  };
  return trace.getTracer("next.js").startActiveSpan("fetch GET http://stock.test/", options, async (span) => {
    const current = trace.getActiveSpan()?.spanContext().spanId;
    await Promise.resolve();
    send();
    span.setAttributes({
      "http.status_code": 200,
      "next.fetch.idx": 1,
      "next.fetch.cache_status": status,
      "next.fetch.cache_reason": "revalidate: 60",
    });
    span.end();
    return current;
  });
}

test("a hit is an event on the span that called fetch, with its address redacted, and no span", async () => {
  memory = inMemory();
  hearCacheHits(memory.provider);
  await memory.inSpan(() => nextFetch("hit"));
  const [caller, ...others] = await memory.ended(1);
  expect(others).toEqual([]);
  expect(caller?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
    [
      "cache hit",
      {
        "next.fetch.cache_status": "hit",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": "http://stock.test/items?key=REDACTED",
      },
    ],
  ]);
});

test("what went to the network is told by no event, and the caller stays the current span", async () => {
  memory = inMemory();
  hearCacheHits(memory.provider);
  const sent = (): void => noteNetworkUse(context.active());
  for (const status of ["miss", "skip"])
    expect(await memory.inSpan(() => nextFetch(status, sent))).toMatch(/^\w{16}$/);
  const spans = await memory.ended(2);
  expect(spans.map(({ name, events }) => [name, events.length])).toEqual([
    ["caller", 0],
    ["caller", 0],
  ]);
});

test("a fetch that shares the answer of another is told as that, beside one that asks", async () => {
  memory = inMemory();
  hearCacheHits(memory.provider);
  const sent = (): void => noteNetworkUse(context.active());
  await memory.inSpan(() => Promise.all([nextFetch("skip", sent), nextFetch("skip")]));
  const [caller] = await memory.ended(1);
  expect(
    caller?.events.map(({ name, attributes }) => [name, attributes?.["next.fetch.cache_status"]]),
  ).toEqual([["shared fetch", "skip"]]);
});

test("without a caller, or with one that is not kept, a hit is nothing", async () => {
  memory = inMemory(nothing());
  hearCacheHits(memory.provider);
  await nextFetch("hit");
  await memory.inSpan(() => nextFetch("hit"));
  expect(memory.spans()).toEqual([]);
});

test("Next.js's other spans and other tracers are as before", async () => {
  memory = inMemory();
  hearCacheHits(memory.provider);
  trace.getTracer("next.js").startActiveSpan("render route", { attributes: {} }, (span) => span.end());
  trace.getTracer("next.js").startSpan("GET").end();
  trace.getTracer("mine").startActiveSpan("work", (span) => span.end());
  expect((await memory.ended(3)).map(({ name }) => name)).toEqual(["render route", "GET", "work"]);
});

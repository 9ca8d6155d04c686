import { defaultTextMapGetter, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { expect, test, vi } from "vitest";
import { callerLinks, createCallerTrust } from "./caller-trust.ts";
import { createPropagator, type PropagatorOptions } from "./propagator.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const HEADER = `00-${TRACE}-b7ad6b7169203331-01`;

function extract(headers: Record<string, string>, options: Partial<PropagatorOptions> = {}) {
  const propagator = createPropagator({
    propagators: ["tracecontext", "baggage"],
    trust: createCallerTrust({ origins: ["https://app.example.com"], isOwn: () => false }),
    acceptBaggage: [],
    servesNoise: () => false,
    ...options,
  });
  const read = propagator.extract(
    ROOT_CONTEXT,
    { host: "shop.test", traceparent: HEADER, ...headers },
    defaultTextMapGetter,
  );
  return {
    continued: trace.getSpanContext(read)?.traceId === TRACE,
    linked: callerLinks(read).map(({ context }) => context.traceId),
    baggage: (propagation.getBaggage(read)?.getAllEntries() ?? []).map(([key]) => key),
  };
}

test.each([
  ["a page of the app's own", { "sec-fetch-site": "same-origin", origin: "http://shop.test" }],
  ["somebody who typed the address", { "sec-fetch-site": "none" }],
  ["a service, which says nothing of itself", {}],
  ["a page of a listed origin", { "sec-fetch-site": "cross-site", origin: "https://app.example.com" }],
  ["a page of the app's own over plain http", { origin: "http://shop.test" }],
  [
    "the same behind a proxy",
    { host: "10.0.0.7", "x-forwarded-host": "shop.test", origin: "http://shop.test" },
  ],
  [
    "the same behind two proxies",
    { host: "10.0.0.7", "x-forwarded-host": "shop.test, gate.local", origin: "http://shop.test" },
  ],
  [
    "the same behind two proxies, one of which leaves room",
    { host: "10.0.0.7", "x-forwarded-host": "gate.local ,\t shop.test", origin: "http://shop.test" },
  ],
])("%s goes on with its trace", (_, headers) => {
  expect(extract(headers)).toEqual({ continued: true, linked: [], baggage: [] });
});

test.each([
  ["a page of another site", { "sec-fetch-site": "cross-site", origin: "https://evil.test" }],
  ["a page of another site that names no origin", { "sec-fetch-site": "cross-site" }],
  ["a page of a neighbour", { "sec-fetch-site": "same-site", origin: "https://blog.shop.test" }],
  ["another page over plain http", { origin: "http://evil.test" }],
  ["one that writes Forwarded", { forwarded: "host=evil.test", origin: "http://evil.test" }],
  ["a page without an origin", { origin: "null" }],
  [
    "a page whose origin begins like a listed one",
    { "sec-fetch-site": "cross-site", origin: "https://app.example.com.evil.test" },
  ],
])("%s starts a trace of its own, linked to the page's", (_, headers) => {
  expect(extract(headers)).toEqual({ continued: false, linked: [TRACE], baggage: [] });
});

test("baggage is taken by its key, and never from another site", () => {
  const baggage = { baggage: "tenant=acme,user=7" };
  expect(extract(baggage).baggage).toEqual([]);
  expect(extract(baggage, { acceptBaggage: ["tenant"] }).baggage).toEqual(["tenant"]);
  expect(
    extract({ ...baggage, "sec-fetch-site": "cross-site" }, { acceptBaggage: ["tenant"] }).baggage,
  ).toEqual([]);
  expect(extract(baggage, { trust: undefined, acceptBaggage: undefined }).baggage).toEqual([
    "tenant",
    "user",
  ]);
});

test("one trace id sent for ever makes 50 requests of one trace, and links after that, which is said once", () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  const trust = createCallerTrust({ origins: [], isOwn: () => false });
  const results = Array.from({ length: 10_000 }, () => extract({}, { trust }));
  expect(results.filter(({ continued }) => continued)).toHaveLength(50);
  expect(results.at(-1)).toEqual({ continued: false, linked: [TRACE], baggage: [] });
  expect(warned.mock.calls).toEqual([[expect.stringMatching(`trace ${TRACE} .* trust: "all"`)]]);
  warned.mockRestore();
});

test("ids that come once do not push out one that comes again and again", () => {
  const trust = createCallerTrust({ origins: [], isOwn: () => false, requestsPerTrace: 3 });
  const ask = (id: string) => trust.isForeign(() => undefined, id);
  const asked: boolean[] = [];
  for (let index = 0; index < 10_000; index++) {
    ask(`once-${index}`);
    if (index % 1_000 === 0) asked.push(ask("again"));
  }
  expect(asked).toEqual([false, false, false, true, true, true, true, true, true, true]);
});

test("what Next.js reads again behind proxy.ts is its own, whoever called", () => {
  const trust = createCallerTrust({ origins: [], isOwn: (traceId) => traceId === TRACE });
  expect(extract({ "sec-fetch-site": "cross-site" }, { trust }).continued).toBe(true);
});

import { once } from "node:events";
import { request as open } from "node:http";
import { text } from "node:stream/consumers";
import { context, propagation, SpanKind, trace } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { inMemory, serve } from "../../test-data/traced-calls.ts";
import { createContextStorage } from "../context-storage.ts";
import { createCallerTrust } from "../outbound/caller-trust.ts";
import { createPropagator } from "../outbound/propagator.ts";
import { currentTrace } from "../spans/current-trace.ts";
import { startIsolated } from "./isolate.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const isolated = {
  rules: { ignoreUrls: [], propagateTo: undefined, propagators: [], followsParent: true },
  incoming: { route: undefined, isNoise: () => false },
  propagator: createPropagator({
    propagators: ["tracecontext"],
    trust: createCallerTrust({ origins: [], isOwn: () => false }),
    acceptBaggage: [],
    servesNoise: () => false,
  }),
};

test("a page of another site is linked to and not continued, as everywhere", async () => {
  const memory = inMemory();
  for (const api of [trace, context, propagation]) api.disable();
  const stop = startIsolated({ ...isolated, tracer: memory.tracer, storage: createContextStorage() });
  const server = await serve((_, response) => void response.end());
  stops.push(
    () => memory.stop(),
    stop,
    () => server.stop(),
  );
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const site of ["cross-site", "same-origin"]) {
    const request = open(server.origin, { headers: { traceparent, "sec-fetch-site": site } });
    await once(request.end(), "response").then(([response]) => text(response));
  }
  const spans = (await memory.ended(4)).filter(({ kind }) => kind === SpanKind.SERVER);
  expect(spans.map(({ parentSpanContext, links }) => [parentSpanContext?.spanId, links.length])).toEqual([
    [undefined, 1],
    ["b7ad6b7169203331", 0],
  ]);
});

test("listeners of the body run in the request's own context, though nobody has registered a global one", async () => {
  const memory = inMemory();
  for (const api of [trace, context, propagation]) api.disable();
  const stop = startIsolated({ ...isolated, tracer: memory.tracer, storage: createContextStorage() });
  const seen: unknown[] = [];
  const server = await serve((request, response) => {
    request.on("data", () => seen.push(currentTrace()?.spanId));
    request.on("end", () => response.end());
  });
  stops.push(
    () => memory.stop(),
    stop,
    () => server.stop(),
  );
  const request = open(server.origin, { method: "POST" });
  request.write("first");
  await once(server.server, "request");
  request.end("second");
  await once(request, "response").then(([response]) => text(response));
  const spans = await memory.ended(2);
  const incoming = spans.find(({ name, kind }) => name === "POST" && kind === SpanKind.SERVER);
  expect(new Set(seen)).toEqual(new Set([incoming?.spanContext().spanId]));
});

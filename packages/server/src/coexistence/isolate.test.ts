import { once } from "node:events";
import { request as open } from "node:http";
import { text } from "node:stream/consumers";
import { context, propagation, SpanKind, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { afterEach, expect, test } from "vitest";
import { inMemory, serve } from "../../test-data/traced-calls.ts";
import { createContextStorage } from "../context-storage.ts";
import { currentTrace } from "../spans/current-trace.ts";
import { startIsolated } from "./isolate.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

test("listeners of the body run in the request's own context, though nobody has registered a global one", async () => {
  const memory = inMemory();
  for (const api of [trace, context, propagation]) api.disable();
  const rules = {
    ignoreUrls: [],
    propagateTo: undefined,
    propagators: [],
    followsParent: true,
  };
  const stop = startIsolated({
    tracer: memory.tracer,
    storage: createContextStorage(),
    rules,
    incoming: { route: undefined, isNoise: () => false },
    propagator: new W3CTraceContextPropagator(),
  });
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

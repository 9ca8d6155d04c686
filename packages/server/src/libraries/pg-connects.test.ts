import { context, SpanKind, trace } from "@opentelemetry/api";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { afterEach, expect, test } from "vitest";
import { inMemory, type TracedCalls } from "../../test-data/traced-calls.ts";
import { withoutConnects } from "./pg-connects.ts";

let memory: TracedCalls;
afterEach(() => memory.stop());

test("ignoreConnectSpans takes the spans away, and the instrumentation still binds what waits for a connection", async () => {
  memory = inMemory();
  const provider = { getTracer: () => memory.tracer };
  const pg = new PgInstrumentation({ ignoreConnectSpans: true, enhancedDatabaseReporting: true });
  const given = withoutConnects(pg, provider);
  expect(pg.getConfig()).toMatchObject({ ignoreConnectSpans: false, enhancedDatabaseReporting: true });
  const tracer = given.getTracer("pg");
  memory.tracer.startActiveSpan("request", (request) => {
    const connect = tracer.startSpan("pg-pool.connect", { kind: SpanKind.CLIENT });
    expect(connect.spanContext()).toEqual(request.spanContext());
    const within = trace.setSpan(context.active(), connect);
    tracer.startSpan("pg.connect", {}, within).end();
    tracer.startSpan("pg.query:SELECT shop", {}, within).end();
    connect.end();
    request.end();
  });
  const spans = await memory.ended(2);
  expect(spans.map(({ name }) => name).sort()).toEqual(["pg.query:SELECT shop", "request"]);
  const [query, request] = ["pg.query:SELECT shop", "request"].map((name) =>
    spans.find((span) => span.name === name),
  );
  expect(query?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
});

test("who wants the spans, and every other instrumentation, gets the provider as it is", () => {
  memory = inMemory();
  const provider = { getTracer: () => memory.tracer };
  expect(withoutConnects(new PgInstrumentation(), provider)).toBe(provider);
});

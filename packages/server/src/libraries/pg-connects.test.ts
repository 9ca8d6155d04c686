import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
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

test("a connecting that failed is told all the same, once for a pool and its client, where it was and with its message", async () => {
  memory = inMemory();
  const provider = { getTracer: () => memory.tracer };
  const given = withoutConnects(new PgInstrumentation({ ignoreConnectSpans: true }), provider);
  const tracer = given.getTracer("pg");
  const refused = new Error("connect ECONNREFUSED 127.0.0.1:5432");
  memory.tracer.startActiveSpan("request", (request) => {
    const pool = tracer.startSpan("pg-pool.connect", {
      kind: SpanKind.CLIENT,
      attributes: { "db.namespace": "shop" },
    });
    const client = tracer.startSpan("pg.connect", {}, trace.setSpan(context.active(), pool));
    pool.setAttribute("db.role", "replica");
    for (const span of [client, pool]) {
      span.recordException(refused);
      span.setStatus({ code: SpanStatusCode.ERROR, message: refused.message });
      span.end();
    }
    request.end();
  });
  const spans = await memory.ended(2);
  const [connect, ...others] = spans.filter(({ name }) => name !== "request");
  expect(others).toEqual([]);
  expect(connect).toMatchObject({
    name: "pg-pool.connect",
    kind: SpanKind.CLIENT,
    attributes: { "db.namespace": "shop", "db.role": "replica" },
    status: { code: SpanStatusCode.ERROR, message: refused.message },
    events: [{ name: "exception", attributes: { "exception.message": refused.message } }],
  });
  const request = spans.find(({ name }) => name === "request");
  expect(connect?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
});

test("who wants the spans, and every other instrumentation, gets the provider as it is", () => {
  memory = inMemory();
  const provider = { getTracer: () => memory.tracer };
  expect(withoutConnects(new PgInstrumentation(), provider)).toBe(provider);
});

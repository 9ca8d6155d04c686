import { context, TraceFlags, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import pino from "pino";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import winston from "winston";
import { processState } from "../process-state.ts";
import { currentTrace } from "../spans/current-trace.ts";
import { withSpan } from "../spans/with-span.ts";
import type { LogLine } from "./log-line.ts";
import { pinoOtlpStream } from "./pino-stream.ts";
import { traceFields } from "./trace-fields.ts";
import { winstonTraceFormat } from "./winston-format.ts";
import { winstonOtlpTransport } from "./winston-transport.ts";

trace.setGlobalTracerProvider(new BasicTracerProvider());
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

let exported: LogLine[] = [];

beforeEach(() => {
  exported = [];
  processState().exportLog = (line) => exported.push(line);
});
afterEach(() => {
  processState().exportLog = undefined;
});
afterAll(() => {
  trace.disable();
  context.disable();
});

/** What a logger should write now. */
function ids() {
  const here = currentTrace();
  return { trace_id: here?.traceId, span_id: here?.spanId, trace_flags: "01" };
}

function spanHere() {
  const here = currentTrace();
  return { traceId: here?.traceId, spanId: here?.spanId, traceFlags: TraceFlags.SAMPLED };
}

test("the fields are those of the current span, and no keys at all outside of a trace", () => {
  withSpan("work", () => expect(traceFields()).toEqual(ids()));
  expect(traceFields()).toEqual({});
  expect(traceFields()).not.toBe(traceFields());
});

test("pino's mixin writes them into each line of a trace, and what a line says itself stays", () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ mixin: traceFields }, { write: (line) => lines.push(JSON.parse(line)) });
  withSpan("work", () => {
    log.info({ sku: "pen" }, "inside");
    expect(lines.at(-1)).toMatchObject({ ...ids(), sku: "pen", msg: "inside" });
  });
  log.info("outside");
  expect(Object.keys(lines.at(-1) ?? {})).not.toContain("trace_id");
});

test("winston's format writes them into each line of a trace, in any place of combine", async () => {
  const lines: unknown[] = [];
  const { combine, json, timestamp } = winston.format;
  const stream = new (await import("node:stream")).PassThrough({ objectMode: true });
  stream.on("data", (info) => lines.push(info));
  const log = winston.createLogger({
    format: combine(winstonTraceFormat(), timestamp(), json()),
    transports: [new winston.transports.Stream({ stream })],
  });
  const inside = withSpan("work", () => {
    log.info("inside", { sku: "pen" });
    return ids();
  });
  log.info("outside");
  await vi.waitFor(() => expect(lines).toHaveLength(2));
  expect(lines[0]).toMatchObject({ ...inside, message: "inside", sku: "pen" });
  expect(lines[1]).not.toHaveProperty("trace_id");
});

test("a winston line that names its trace keeps it", () => {
  withSpan("work", () => {
    const info = { level: "info", message: "told", trace_id: "theirs" };
    expect(winstonTraceFormat().transform(info)).toEqual(info);
  });
});

test("pino's lines are exported with severity, time, attributes, error and span", () => {
  const streams = pino.multistream([{ level: "trace", stream: pinoOtlpStream() }]);
  const log = pino({ level: "trace", mixin: traceFields, customLevels: { audit: 35 } }, streams);
  const span = withSpan("work", () => {
    log.warn({ sku: "pen", nested: { a: 1 } }, "low");
    return spanHere();
  });
  expect(exported[0]).toEqual({
    severity: [13, "warn"],
    body: "low",
    attributes: { sku: "pen", nested: { a: 1 } },
    unixMs: expect.any(Number),
    span,
  });
  log.error(new RangeError("sold out"));
  expect(exported[1]).toMatchObject({ severity: [17, "error"], body: "sold out", attributes: {} });
  expect(exported[1]?.error).toMatchObject({ type: "RangeError", message: "sold out" });
  expect(exported[1]).not.toHaveProperty("span");
  log.audit("checked");
  log.trace("fine");
  log.fatal("over");
  expect(exported.slice(2).map(({ severity }) => severity)).toEqual([
    [9, "info"],
    [1, "trace"],
    [21, "fatal"],
  ]);
});

test("pino's time in each of its forms, and what is called err and is no Error", () => {
  const { epochTime, unixTime, isoTime } = pino.stdTimeFunctions;
  for (const timestamp of [epochTime, unixTime, isoTime]) pino({ timestamp }, pinoOtlpStream()).info("x");
  const nowS = Math.floor(Date.now() / 1000);
  for (const { unixMs } of exported)
    expect(Math.abs(Math.floor(Number(unixMs) / 1000) - nowS)).toBeLessThan(60);
  const log = pino({}, pinoOtlpStream());
  log.error({ err: "boom" }, "a text");
  log.error({ err: { code: 500 } }, "an object");
  log.error({ err: Object.assign(new TypeError("full"), { code: "ENOSPC" }) }, "an Error with more");
  expect(exported.slice(3).map(({ attributes }) => attributes)).toEqual([
    { err: "boom" },
    { err: { code: 500 } },
    { err: { code: "ENOSPC" } },
  ]);
  expect(exported.slice(3).map(({ error }) => error)).toEqual([
    undefined,
    undefined,
    expect.objectContaining({ type: "TypeError", message: "full" }),
  ]);
});

test("pino's lines by other names, as hosts of logs want them", () => {
  const stream = pinoOtlpStream({ messageKey: "message", errorKey: "error" });
  const log = pino(
    {
      level: "trace",
      messageKey: "message",
      errorKey: "error",
      customLevels: { audit: 55 },
      formatters: { level: (label) => ({ severity: label.toUpperCase() }) },
    },
    pino.multistream([{ level: "trace", stream }]),
  );
  log.error(new RangeError("sold out"));
  log.audit("checked");
  expect(exported.map(({ severity, body, attributes }) => [severity, body, attributes])).toEqual([
    [[17, "error"], "sold out", { severity: "ERROR" }],
    [[17, "error"], "checked", { severity: "AUDIT" }],
  ]);
  expect(exported[0]?.error).toMatchObject({ type: "RangeError", message: "sold out" });
});

test("pino's level as a label, and a line that is no JSON", () => {
  const stream = pinoOtlpStream();
  stream.write('{"level":"error","msg":"labelled"}\n');
  stream.write("pretty, not JSON\n");
  stream.write("3\n");
  expect(exported.map(({ severity, body }) => [severity, body])).toEqual([[[17, "error"], "labelled"]]);
});

test("winston's lines are exported with the span they were written in, behind a slow transport too", async () => {
  const transport = winstonOtlpTransport();
  const log = winston.createLogger({
    level: "silly",
    format: winston.format.combine(
      winstonTraceFormat(),
      winston.format.errors({ stack: true }),
      winston.format.colorize(),
    ),
    transports: [transport],
  });
  transport.cork();
  const span = withSpan("work", () => {
    log.warn("low", { sku: "pen" });
    return spanHere();
  });
  log.error(new RangeError("sold out"));
  log.silly("fine");
  log.error("not saved", { err: new TypeError("full") });
  expect(exported).toEqual([]);
  withSpan("another", () => transport.uncork());
  await vi.waitFor(() => expect(exported).toHaveLength(4));
  expect(exported[0]).toEqual({ severity: [13, "warn"], body: "low", attributes: { sku: "pen" }, span });
  expect(exported[1]).toMatchObject({ severity: [17, "error"], body: "sold out" });
  expect(exported[1]?.error).toMatchObject({ stack: expect.stringContaining("RangeError: sold out") });
  expect(exported[2]?.severity).toEqual([1, "silly"]);
  expect([exported[3]?.body, exported[3]?.error]).toEqual(["not saved", new TypeError("full")]);
});

test("an Error that winston logs by itself is told whole, with the span of each time", async () => {
  const log = winston.createLogger({
    format: winston.format.combine(winstonTraceFormat(), winston.format.json()),
    transports: [winstonOtlpTransport()],
  });
  const error = new TypeError("full");
  const spans = ["first", "second"].map((name) =>
    withSpan(name, () => {
      log.error(error);
      return spanHere();
    }),
  );
  log.error(error);
  await vi.waitFor(() => expect(exported).toHaveLength(3));
  expect(exported.map(({ span }) => span)).toEqual([...spans, undefined]);
  for (const line of exported)
    expect(line).toMatchObject({ severity: [17, "error"], body: "full", attributes: {} });
  expect(exported[0]?.error).toMatchObject({ type: "TypeError", message: "full" });
});

test("winston's transport takes what its level, or the logger's, lets through", async () => {
  const transport = winstonOtlpTransport();
  const log = winston.createLogger({ level: "warn", transports: [transport] });
  log.info("no");
  log.warn("yes");
  transport.level = "error";
  log.warn("no");
  log.error("yes");
  transport.level = "debug";
  log.debug("yes");
  transport.silent = true;
  log.error("no");
  await vi.waitFor(() => expect(exported).toHaveLength(3));
  expect(exported.map(({ body, severity }) => `${severity[1]} ${body}`)).toEqual([
    "warn yes",
    "error yes",
    "debug yes",
  ]);
});

test("where logs are not exported the streams take everything and keep nothing", async () => {
  processState().exportLog = undefined;
  pino({}, pinoOtlpStream()).info("x");
  const transport = winstonOtlpTransport();
  winston.createLogger({ transports: [transport] }).info("x");
  await new Promise((done) => transport.end(done));
});

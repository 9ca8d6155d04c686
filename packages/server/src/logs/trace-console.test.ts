import { format } from "node:util";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { say } from "../log.ts";
import { processState } from "../process-state.ts";
import { currentTrace } from "../spans/current-trace.ts";
import { withSpan } from "../spans/with-span.ts";
import type { LogLine } from "./log-line.ts";
import { traceConsole } from "./trace-console.ts";

trace.setGlobalTracerProvider(new BasicTracerProvider());
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

const METHODS = ["debug", "log", "info", "warn", "error"] as const;
const host = console as unknown as Record<string, (...args: unknown[]) => void>;
const real = Object.fromEntries(METHODS.map((method) => [method, host[method]]));
let written: unknown[][] = [];

beforeEach(() => {
  written = [];
  for (const method of METHODS) host[method] = (...args) => void written.push([method, ...args]);
});
afterEach(() => {
  processState().untraceConsole?.();
  processState().exportLog = undefined;
  Object.assign(console, real);
});
afterAll(() => {
  trace.disable();
  context.disable();
});

test("each line of a trace ends with its ids, and a line outside of one is as it was", () => {
  traceConsole();
  const ids = withSpan("work", () => {
    for (const method of METHODS) host[method]?.("left:", 3);
    const here = currentTrace();
    return `trace_id=${here?.traceId} span_id=${here?.spanId}`;
  });
  host.log?.("outside");
  expect(written).toEqual([...METHODS.map((method) => [method, "left:", 3, ids]), ["log", "outside"]]);
});

test("a line with a % is written as it would be, and then the ids", () => {
  traceConsole();
  const ids = withSpan("work", () => {
    host.log?.("GET /caf%c3%a9");
    host.log?.("100%s of %s", "x");
    const here = currentTrace();
    return `trace_id=${here?.traceId} span_id=${here?.spanId}`;
  });
  expect(written.map(([, ...line]) => format(...line))).toEqual([
    `GET /caf%c3%a9 ${ids}`,
    `${format("100%s of %s", "x")} ${ids}`,
  ]);
});

test("it comes off and leaves the console as it was", () => {
  const before = METHODS.map((method) => host[method]);
  const untrace = traceConsole();
  expect(traceConsole()).toBe(untrace);
  untrace();
  expect(METHODS.map((method) => host[method])).toEqual(before);
});

test("a patch that came later stays, and what it calls only hands on", () => {
  const untrace = traceConsole();
  const ours = host.log;
  const later = (...args: unknown[]): void => ours?.("later", ...args);
  host.log = later;
  untrace();
  expect(host.log).toBe(later);
  withSpan("work", () => host.log?.("x"));
  expect(written).toEqual([["log", "later", "x"]]);
});

test("its lines are exported with severity and error, our own are not", () => {
  const exported: LogLine[] = [];
  processState().exportLog = (line) => exported.push(line);
  traceConsole();
  const error = new Error("sold out");
  host.error?.("failed", error);
  host.debug?.("fine");
  say("warn", "the collector is down");
  expect(exported).toEqual([
    { severity: [17, "error"], body: ["failed", error], attributes: {}, error },
    { severity: [5, "debug"], body: ["fine"], attributes: {}, error: undefined },
  ]);
});

test("what cannot be made a text, or not be looked at, is written like any other", () => {
  const exported: LogLine[] = [];
  processState().exportLog = (line) => exported.push(line);
  traceConsole();
  const bare: unknown = Object.create(null);
  const gone = Proxy.revocable({}, {});
  gone.revoke();
  host.log?.(bare);
  // Behind a text, because what is compared is printed where it differs, which would throw.
  host.log?.("gone", gone.proxy);
  expect(exported.map(({ body }) => body)).toEqual([[bare]]);
  expect(written.map(([method, first]) => [method, first])).toEqual([
    ["log", bare],
    ["warn", expect.stringContaining("a line of the console was not exported")],
    ["log", "gone"],
  ]);
});

import { createRequire } from "node:module";
import { SpanKind, trace } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import { register } from "../index.ts";
import { processState } from "../process-state.ts";
import { hideBookkeeping } from "./bookkeeping.ts";

// Next.js's own files, as its server loads them.
const require = createRequire(import.meta.url);
const { NextVanillaSpanAllowlist: allowed } = require("next/dist/server/lib/trace/constants.js") as {
  NextVanillaSpanAllowlist: Set<string>;
};
const { getTracer } = require("next/dist/server/lib/trace/tracer.js") as {
  getTracer(): { trace<T>(type: string, options: object, run: (span?: unknown) => T): T };
};

/** What a page of this Next.js makes for itself. */
const MADE = [
  "NextNodeServer.findPageComponents",
  "LoadComponents.loadRouteModule",
  "RouteModule.prepare",
  "NextNodeServer.createComponentTree",
  "NextNodeServer.getLayoutOrPageModule",
  "NextNodeServer.startResponse",
];

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  trace.disable();
});

test("this Next.js makes spans of its bookkeeping until it is hidden, and again afterwards", () => {
  const made: string[] = [];
  const span = trace.wrapSpanContext({ traceId: "", spanId: "", traceFlags: 0 });
  trace.setGlobalTracerProvider({
    getTracer: () =>
      ({
        startActiveSpan: (name: string, _options: object, run: (given: unknown) => unknown) => {
          made.push(name);
          return run(span);
        },
      }) as never,
  });
  const ask = (type: string) => getTracer().trace(type, { kind: SpanKind.INTERNAL }, (given) => given);
  const before = [...allowed].sort();
  expect(MADE.map(ask)).toEqual(MADE.map(() => span));
  expect(made).toEqual(MADE);
  const show = hideBookkeeping();
  expect(MADE.map(ask)).toEqual(MADE.map(() => undefined));
  expect(ask("BaseServer.handleRequest")).toBe(span);
  expect(made).toEqual([...MADE, "BaseServer.handleRequest"]);
  show();
  expect([...allowed].sort()).toEqual(before);
});

test("what Next.js measures by its spans, and shows in dev, stays", () => {
  for (const variable of ["NEXT_OTEL_PERFORMANCE_PREFIX", "__NEXT_DEV_SERVER"]) {
    vi.stubEnv(variable, "1");
    hideBookkeeping();
    expect(MADE.filter((type) => !allowed.has(type))).toEqual([]);
    vi.unstubAllEnvs();
  }
});

test.each([
  ["own", []],
  ["isolate", MADE],
])("register in mode %s leaves %j on the list, and a stop all", async (mode, left) => {
  vi.stubEnv("OTEL_ENABLED", "true");
  vi.stubEnv("OTEL_TRACES_EXPORTER", "none");
  vi.stubEnv("THROUGHLINE_MODE", mode);
  vi.spyOn(console, "info").mockImplementation(() => undefined);
  await register();
  expect(MADE.filter((type) => allowed.has(type))).toEqual(left);
  await (await processState().tracing)?.stop();
  expect(MADE.filter((type) => allowed.has(type))).toEqual(MADE);
});

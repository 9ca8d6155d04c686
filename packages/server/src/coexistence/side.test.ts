import { context, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, expect, test, vi } from "vitest";
import { chooseSide } from "./side.ts";

afterEach(() => {
  for (const api of [trace, context, propagation]) api.disable();
  vi.restoreAllMocks();
});

/** Somebody's provider, registered before ours. */
function registerAnother(): { readonly made: () => readonly string[] } {
  const exporter = new InMemorySpanExporter();
  const resource = resourceFromAttributes({ "service.name": "theirs" });
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  return { made: () => exporter.getFinishedSpans().map(({ name }) => name) };
}

test("where nobody has registered, every mode but isolate takes the globals", () => {
  expect((["", "own", "join", "isolate"] as const).map((mode) => chooseSide(mode).way)).toEqual([
    "own",
    "own",
    "own",
    "isolate",
  ]);
});

test("unasked it takes nothing from a provider that is there, and says who that is and what to do", () => {
  const { made } = registerAnother();
  expect(() => chooseSide("")).toThrow(
    /^a \w*TracerProvider\w* for "theirs" has registered OpenTelemetry before.*"join".*"isolate".*"own"/,
  );
  trace.getTracer("app").startSpan("still theirs").end();
  expect(made()).toEqual(["still theirs"]);
});

test("own takes the globals over and says so", () => {
  const { made } = registerAnother();
  const warn = vi.spyOn(console, "warn").mockReturnValue(undefined);
  expect(chooseSide("own").way).toBe("own");
  expect(warn.mock.calls[0]?.[0]).toContain('mode "own" replaces it');
  trace.getTracer("app").startSpan("nobody's").end();
  expect(made()).toEqual([]);
});

test("join gets each span that the other gets, until it detaches", () => {
  const { made } = registerAnother();
  vi.spyOn(console, "info").mockReturnValue(undefined);
  const side = chooseSide("join");
  if (side.way !== "join") expect.fail("a provider of the SDK can be joined");
  const exporter = new InMemorySpanExporter();
  const detach = side.attach(new SimpleSpanProcessor(exporter));
  trace.getTracer("app").startSpan("both").end();
  detach();
  trace.getTracer("app").startSpan("theirs", {}, ROOT_CONTEXT).end();
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["both"]);
  expect(made()).toEqual(["both", "theirs"]);
});

test("a provider that takes no processor cannot be joined, and the message says what can be done", () => {
  const real = new BasicTracerProvider();
  class Sealed {
    getTracer = real.getTracer.bind(real);
  }
  trace.setGlobalTracerProvider(new Sealed());
  expect(() => chooseSide("join")).toThrow(
    /a Sealed has registered .* takes no further span processor.*"isolate"/,
  );
});

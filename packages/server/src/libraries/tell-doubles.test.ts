import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { serve } from "../../test-data/traced-calls.ts";
import { processState } from "../process-state.ts";
import { tellDoubles } from "./tell-doubles.ts";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
tellDoubles(provider);

const warnings: string[] = [];
beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation((text) => void warnings.push(text));
});
afterEach(() => {
  vi.restoreAllMocks();
  warnings.length = 0;
  exporter.reset();
  processState().said.clear();
});

test("an instrumentation of requests that the app starts itself is told of with its first span, once", async () => {
  const server = await serve((_, response) => response.end());
  const ask = () => fetch(server.origin).then((response) => response.text());
  const instrumentation = new UndiciInstrumentation();
  instrumentation.disable();
  instrumentation.setTracerProvider(provider);
  await ask();
  expect(warnings, "while it is stopped").toEqual([]);
  instrumentation.enable();
  await ask();
  await ask();
  instrumentation.disable();
  await server.stop();
  expect(exporter.getFinishedSpans()).toHaveLength(2);
  expect(warnings).toEqual([expect.stringContaining("instrumentation-undici runs beside this package")]);
});

test("other tracers are the provider's own", () => {
  provider.getTracer("@opentelemetry/instrumentation-pg").startSpan("query").end();
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["query"]);
  expect(warnings).toEqual([]);
});

import { trace } from "@opentelemetry/api";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { register } from "./index.ts";
import { processState } from "./process-state.ts";
import type { Mode } from "./register-options.ts";

beforeEach(() => {
  vi.stubEnv("OTEL_ENABLED", "true");
  vi.stubEnv("OTEL_TRACES_EXPORTER", "none");
  for (const level of ["warn", "info"] as const) vi.spyOn(console, level).mockReturnValue(undefined);
});
afterEach(async () => {
  const { tracing, said } = processState();
  await (await tracing?.catch(() => undefined))?.stop();
  processState().tracing = undefined;
  said.clear();
  trace.disable();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test.each<Mode | undefined>([undefined, "own", "join", "isolate"])(
  "beside another tracer, with mode %s, Next.js's spans of a fetch stay as the app has set them",
  async (mode) => {
    trace.setGlobalTracerProvider(new BasicTracerProvider());
    for (const set of [undefined, "1"]) {
      vi.stubEnv("NEXT_OTEL_FETCH_DISABLED", set);
      await register({ ...(mode && { mode }) });
      expect(process.env.NEXT_OTEL_FETCH_DISABLED).toBe(set);
    }
  },
);

test("an option that there is not is told once, and tracing goes on", async () => {
  const warn = vi.spyOn(console, "warn");
  const options: object = { serviceNme: "shop", mode: undefined, sampler: undefined };
  await register(options);
  await register(options);
  expect(warn.mock.calls.flat()).toEqual([
    expect.stringMatching(
      /register has no option "serviceNme", so nothing comes of it; there are .*, serviceName, trust\.$/,
    ),
  ]);
  expect(processState().tracing).toBeDefined();
});

test("baggage that is accepted by a text is refused: every key that is a part of it would be taken", async () => {
  const warn = vi.spyOn(console, "warn");
  const options: object = { acceptBaggage: "tenant" };
  await register(options);
  expect(warn.mock.calls.flat()).toEqual([
    expect.stringMatching(/tracing stays off: acceptBaggage "tenant": expected a list of keys/),
  ]);
});

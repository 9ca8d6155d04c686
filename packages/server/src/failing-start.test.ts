import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { register } from "./index.ts";
import { startTracing } from "./node.ts";
import { processState } from "./process-state.ts";
import type { Instrumentation, RegisterOptions } from "./register-options.ts";

let warnings: string[];

beforeEach(() => {
  warnings = [];
  vi.stubEnv("OTEL_ENABLED", "true");
  vi.stubEnv("OTEL_TRACES_EXPORTER", "none");
  vi.spyOn(console, "warn").mockImplementation((text: string) => void warnings.push(text));
  vi.spyOn(console, "info").mockReturnValue(undefined);
});

afterEach(async () => {
  const { tracing, said } = processState();
  await (await tracing?.catch(() => undefined))?.stop();
  processState().tracing = undefined;
  said.clear();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const hosts = [
  ["Next.js", register],
  ["plain Node", startTracing],
] as const;

const broken: readonly (readonly [string, RegisterOptions])[] = [
  [
    "instrumentations that throw",
    {
      instrumentations: () => {
        throw new Error("no such package");
      },
    },
  ],
  [
    "instrumentations that cannot be loaded",
    { instrumentations: () => Promise.reject(new Error("no such package")) },
  ],
  ["an origin that is none", { propagateTo: ["nowhere"] }],
  ["a pattern that is no path", { ignoreIncoming: ["internal"] }],
  ["a mode that is none", { mode: "both" as "own" }],
];

for (const [host, begin] of hosts) {
  test.each(broken)(`in ${host}, %s are one line, and the app goes on`, async (_, options) => {
    const exit = process.exit;
    await begin(options);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^@throughline\/server: tracing stays off: .*runs without it\.$/);
    expect(process.exit).toBe(exit);
  });

  test(`in ${host}, an instrumentation that fails is named, and the others are started`, async () => {
    const enabled: string[] = [];
    const instrumentation = (name: string, enable: () => void) =>
      ({
        instrumentationName: name,
        enable,
        disable: () => undefined,
        setTracerProvider: () => undefined,
        setMeterProvider: () => undefined,
        setConfig: () => undefined,
        getConfig: () => ({ enabled: false }),
      }) as unknown as Instrumentation;
    const fails = (): never => {
      throw new Error("cannot patch");
    };
    await begin({
      instrumentations: () => [
        instrumentation("bad-one", fails),
        undefined as unknown as Instrumentation,
        instrumentation("good-one", () => enabled.push("good-one")),
      ],
    });
    expect(enabled).toEqual(["good-one"]);
    expect(warnings.some((text) => text.includes("the instrumentation bad-one could not be started"))).toBe(
      true,
    );
    expect(await processState().tracing).toBeDefined();
  });
}

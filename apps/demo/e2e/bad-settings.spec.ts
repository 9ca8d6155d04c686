import { expect, test } from "@playwright/test";
import { createProcesses } from "../../../scripts/processes.mjs";
import { startShop } from "../../../scripts/services.mjs";
import { placeOrder, tracingEnv } from "./environment.ts";
import { newTraceparent, readTrace } from "./trace-reading.ts";

const cases = [
  { name: "a sampler argument of 2", bad: { OTEL_TRACES_SAMPLER_ARG: "2" }, cure: "a number from 0" },
  {
    name: "an unparsable endpoint",
    bad: { OTEL_EXPORTER_OTLP_ENDPOINT: "local host" },
    cure: "an absolute URL",
  },
];

for (const { name, bad, cure } of cases) {
  test(`${name}: one warning that says the cure, and the app runs untraced`, async () => {
    const output: string[] = [];
    const processes = createProcesses({ onLine: (_name: string, line: string) => void output.push(line) });
    const shop = await startShop({ processes, env: { ...tracingEnv("shop-bad-setting"), ...bad } });
    const caller = newTraceparent();
    try {
      expect((await placeOrder(shop.url, caller.header)).status).toBe(201);
      expect((await placeOrder(shop.url, caller.header)).status).toBe(201);
    } finally {
      await shop.stop();
    }
    const [variable = "", value = ""] = Object.entries(bad)[0] ?? [];
    const told = output.filter((line) => line.includes(variable));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`"${value}"`);
    expect(told[0]).toContain(cure);
    expect(output.join("\n")).not.toMatch(/^\s+at /m);
    // The caller's context reached no traced server: not even the inventory heard of it.
    expect(await readTrace(caller.traceId)).toBeUndefined();
  });
}

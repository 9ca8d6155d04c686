import { fileURLToPath } from "node:url";
import { expect } from "@playwright/test";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import { urlOf } from "./run-cases.ts";
import type { BuiltApp } from "./server-app.ts";

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the server is started with so that `register` fails: at its first step, and when half of it has been done. */
const FAULTS = {
  first: pathOf("../../../../scripts/packed-matrix/broken-register.cjs"),
  midway: pathOf("../fixtures/server-app/broken-channel.cjs"),
};

/** A `register` that fails is told once, and the app is served as without it. */
export async function checkFailingRegister(
  { combination, serve }: BuiltApp,
  given: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [when, file] of Object.entries(FAULTS)) {
    const env = { ...given, NODE_OPTIONS: `--require=${file}` };
    await serve({ service: `server-app-${combination.name}-failing-${when}`, env }, async (app) => {
      const told = (): readonly string[] => app.log.filter((line) => line.includes("tracing stays off"));
      await expect.poll(told, `told when register fails: ${when}`).not.toEqual([]);
      const asked: string[] = [];
      for (const path of ["/static", "/rsc/7", "/api/fetch", "/api/classic"]) {
        const { traceId, header } = newTraceparent();
        const response = await fetch(urlOf(path, app, combination), { headers: { traceparent: header } });
        await response.text();
        expect.soft(response.status, `${path} when register fails: ${when}`).toBe(200);
        expect.soft(response.headers.get("server-timing"), path).toBeNull();
        asked.push(traceId);
      }
      // What had been sent would be there by then: this one waits for nothing that is made later.
      await fetch(urlOf("/slow?ms=500", app, combination)).then((response) => response.text());
      for (const traceId of asked) expect.soft(await readTrace(traceId), when).toBeUndefined();
      const line = expect.stringMatching(/tracing stays off: .*broken on purpose.* runs without it\.$/);
      expect.soft(told(), when).toEqual([line]);
      const unhandled = app.log.filter((text) => /unhandled|uncaught/i.test(text));
      expect.soft(unhandled, when).toEqual([]);
    });
  }
}

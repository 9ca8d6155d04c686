import { expect } from "@playwright/test";
import { isStopped } from "../../../../scripts/process-facts.mjs";
import { newTraceparent, readTrace } from "../trace-reading.ts";
import { urlOf } from "./run-cases.ts";
import type { BuiltApp } from "./server-app.ts";
import { printTree } from "./span-tree.ts";

const REQUESTS = 100;

const PLAIN = ["GET /api/plain · server", "  executing api route (app) /api/plain · internal"];
const STREAM = [
  "GET /api/chunks · server",
  "  executing api route (app) /api/chunks · internal",
  "    mid-stream · internal",
];

/** Of work in `after()` that waits for something before its first span. */
const LATE = [
  "GET /api/late · server",
  "  executing api route (app) /api/late · internal",
  "    after a wait · internal",
];
const TURNS = [
  ["/api/plain", PLAIN],
  ["/api/chunks", STREAM],
  ["/api/late", LATE],
] as const;

/** On a host that stops the process as each response closes, every span is with the collector by then. */
export async function checkFrozenHost(
  { combination, serve }: BuiltApp,
  given: Readonly<Record<string, string>>,
) {
  // No timer sends anything here.
  const env = { ...given, OTEL_BSP_SCHEDULE_DELAY: "60000", NODE_OPTIONS: "--import=./frozen-host.mjs" };
  await serve({ service: `server-app-${combination.name}-frozen`, env }, async (app) => {
    const lost: string[] = [];
    for (let index = 0; index < REQUESTS; index++) {
      const [path, expected] = TURNS[index % TURNS.length] ?? TURNS[0];
      const caller = newTraceparent();
      process.kill(app.pid, "SIGCONT");
      // A connection that is kept would be closed by the host while the process stands still.
      const headers = { traceparent: caller.header, connection: "close" };
      await (await fetch(urlOf(path, app, combination), { headers })).text();
      await expect.poll(() => isStopped(app.pid), { intervals: [1, 2, 5] }).toBe(true);
      const tree = printTree((await readTrace(caller.traceId))?.spans ?? [], caller.spanId);
      if (tree.join("\n") !== expected.join("\n")) lost.push(`${index}: ${tree.join("\n")}`);
    }
    expect.soft(lost, "requests of which something is missing as the host stops").toEqual([]);
    // What it still has would be sent as it ends.
    process.kill(app.pid, "SIGKILL");
  });
}

import { once } from "node:events";
import { expect, test } from "@playwright/test";
import { startShop } from "../../../scripts/services.mjs";
import { placeOrder, tracingEnv } from "./environment.ts";
import { lines, newTraceparent, readTrace } from "./trace-reading.ts";

test("SIGTERM right after a request loses no span", async () => {
  // The batch would leave a minute later: only a flush at shutdown can deliver it.
  const env = { ...tracingEnv("shop-sigterm"), OTEL_BSP_SCHEDULE_DELAY: "60000" };
  const shop = await startShop({ env });
  const caller = newTraceparent();
  try {
    const response = await placeOrder(shop.url, caller.header);
    expect(response.status).toBe(201);
    await response.arrayBuffer();
    const exited = once(shop.child, "exit");
    shop.child.kill("SIGTERM");
    expect(await exited).toEqual([143, null]);
  } finally {
    await shop.stop();
  }

  const document = await readTrace(caller.traceId);
  const own = document ? lines(document).filter((line) => line.endsWith("shop-sigterm")) : [];
  expect(own.map((line) => line.trim())).toEqual([
    "POST /api/orders · server · shop-sigterm",
    "executing api route (app) /api/orders · internal · shop-sigterm",
    "GET /stock · client · shop-sigterm",
    "INSERT orders · client · shop-sigterm",
  ]);
});

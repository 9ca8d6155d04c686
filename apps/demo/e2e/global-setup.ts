import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildShop } from "../../../scripts/builds.mjs";
import { freePort, portAnswers } from "../../../scripts/ports.mjs";
import { createProcesses } from "../../../scripts/processes.mjs";
import { startCollector, startDatabase, startInventory, startShop } from "../../../scripts/services.mjs";
import { buildEnv, tracingEnv } from "./environment.ts";

/** Builds the shop and starts what the tests share: collector, database, inventory, shop, and the plain app. */
export default async function startEverything(): Promise<() => Promise<void>> {
  const processes = createProcesses();
  try {
    const [collector, database] = await Promise.all([
      startCollector({ processes }),
      startDatabase({ processes }),
      buildShop({ env: buildEnv, processes }),
    ]);
    process.env.THROUGHLINE_COLLECTOR_URL = collector.url;
    process.env.E2E_DATABASE_URL = database.url;
    const inventory = await startInventory({ processes, env: tracingEnv("inventory") });
    process.env.E2E_INVENTORY_URL = inventory.url;
    const [shop, plain] = await Promise.all([
      startShop({ processes, env: tracingEnv("shop") }),
      startPlainApp(processes),
    ]);
    process.env.E2E_SHOP_URL = shop.url;
    process.env.E2E_PLAIN_URL = plain;
  } catch (error) {
    await processes.stopAll();
    throw error;
  }
  return () => processes.stopAll();
}

async function startPlainApp(processes: ReturnType<typeof createProcesses>): Promise<string> {
  const port = await freePort(0);
  await processes.start({
    name: "the plain app",
    args: [join(fileURLToPath(new URL(".", import.meta.url)), "fixtures", "plain-app.mjs")],
    env: { ...tracingEnv("plain"), PORT: String(port) },
    ready: (_: unknown, signal: AbortSignal) => portAnswers(port, signal),
  });
  return `http://127.0.0.1:${port}`;
}
